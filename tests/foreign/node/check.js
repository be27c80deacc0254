// Receipts checked by @sigstore/verify: cases as JSON on standard input, verdicts as JSON on standard output.
'use strict';

const crypto = require('crypto');
const dist = require('path').join(require.resolve('@sigstore/verify/package.json'), '..', 'dist', 'tlog');
const { verifyCheckpoint } = require(`${dist}/checkpoint`);
const { verifyMerkleInclusion } = require(`${dist}/merkle`);

// A log as sigstore knows one: a vkey holds the raw key, and its id begins each signature.
function logOf(vkey) {
  const [name, id, rest] = vkey.trim().split(/\+(.*?)\+(.*)/s);
  const raw = Buffer.from(rest, 'base64').subarray(1);
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]);
  return {
    logID: Buffer.from(id, 'hex'),
    baseURL: `https://${name}`,
    publicKey: crypto.createPublicKey({ key: der, format: 'der', type: 'spki' }),
  };
}

function check({ proof, entry, key }) {
  const blank = proof.indexOf('\n\n');
  const [magic, index, ...hashes] = proof.slice(0, blank).split('\n');
  if (magic !== 'c2sp.org/tlog-proof@v1') throw new Error('not a tlog-proof');
  const inclusionProof = {
    logIndex: index.slice('index '.length),
    hashes: hashes.map((hash) => Buffer.from(hash, 'base64')),
    checkpoint: { envelope: proof.slice(blank + 2) },
  };
  const record = { canonicalizedBody: Buffer.from(entry, 'base64'), inclusionProof };
  verifyMerkleInclusion(record, verifyCheckpoint(record, [logOf(key)]));
}

const verdicts = JSON.parse(require('fs').readFileSync(0)).map((question) => {
  try {
    check(question);
    return '';
  } catch (error) {
    // Anything else is a mistake of this script, and no verdict.
    if (error.name !== 'VerificationError' && error.code !== 'TLOG_INCLUSION_PROOF_ERROR') throw error;
    return error.message;
  }
});
process.stdout.write(JSON.stringify(verdicts));
