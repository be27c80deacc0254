"""What clouds and vendors hand out as keys and tokens, each with its documented beginning. Pure data.

A row is (rule, literals, pattern). One of the literals is in every text the pattern matches, at the start of
the match; `INNER` holds those whose telling part stands further in. Patterns start and end where a run of
letters and digits does, and repeat a bounded number of times.
"""

from __future__ import annotations

from typing import Final

Row = tuple[str, str, str]

_UUID: Final = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_E: Final = r"(?![A-Za-z0-9])"  # the run ends
_D: Final = r"(?![A-Za-z0-9_-])"  # the run ends, and - and _ belong to it

CLOUDS: Final[tuple[Row, ...]] = (
    ("aws-key", "AKIA ASIA ABIA ACCA", r"A(?:KI|SI|BI|CC)A[A-Z0-9]{16}" + _E),
    ("aws-key", "A3T", r"A3T[A-Z0-9]{17}" + _E),
    ("aws-key", "ABSK", r"ABSK[A-Za-z0-9+/]{109,269}={0,2}"),
    ("aws-key", "bedrock-api-key-", r"bedrock-api-key-[A-Za-z0-9+/=]{20,2048}"),
    ("aws-key", "amzn.mws.", r"amzn\.mws\." + _UUID + _E),
    ("aws-key", "amzn1.oa2-cs.v1.", r"amzn1\.oa2-cs\.v1\.[a-f0-9]{64}" + _E),
    ("google", "AIza", r"AIza[A-Za-z0-9_-]{35}" + _D),
    ("google", "ya29.", r"ya29\.[A-Za-z0-9_-]{20,1024}"),
    ("google", "1//0", r"1//0[A-Za-z0-9_-]{40,256}"),
    ("google", "GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{20,64}"),
    ("google", "GOOG1E", r"GOOG1E[A-Z0-9]{55,57}" + _E),
    ("alibaba", "LTAI", r"LTAI[A-Za-z0-9]{12,26}" + _E),
    ("tencent", "AKID", r"AKID[A-Za-z0-9]{32}" + _E),
    ("yandex", "AQVN", r"AQVN[A-Za-z0-9_-]{35,38}" + _D),
    ("yandex", "YC", r"YC[A-Za-z0-9_-]{38}" + _D),
    ("yandex", "t1.", r"t1\.[A-Za-z0-9_-]{8,1024}={0,2}\.[A-Za-z0-9_-]{86}={0,2}"),
    ("digitalocean", "doo_v1_ dop_v1_ dor_v1_", r"do[opr]_v1_[a-f0-9]{64}" + _E),
    ("digitalocean", "DO00", r"DO00[A-Z0-9]{16}" + _E),
    ("scaleway", "SCW", r"SCW(?=[A-Z]{0,16}\d)[A-Z0-9]{17}" + _E),
    ("heroku", "HRKU-", r"HRKU-(?:AA[A-Za-z0-9_-]{58}|" + _UUID + ")" + _D),
    ("cloudflare", "v1.0-", r"v1\.0-[a-f0-9]{24}-[a-f0-9]{146}" + _E),
    ("cloudflare", "cfk_ cfut_ cfat_", r"cf(?:k|ut|at)_[A-Za-z0-9]{40,64}" + _E),
    ("flyio", "fo1_", r"fo1_[A-Za-z0-9_-]{43}" + _D),
    ("flyio", "fm1r_ fm1a_ fm2_", r"fm(?:1[ar]|2)_[A-Za-z0-9+/]{100,2048}={0,3}"),
    ("vercel", "vercel_blob_rw_", r"vercel_blob_rw_[A-Za-z0-9_]{30,80}"),
    ("vercel", "vcp_ vci_ vca_ vcr_ vck_", r"vc[piark]_[A-Za-z0-9]{24,64}" + _E),
    ("netlify", "nfp_ nfc_ nfo_ nfu_ nfb_", r"nf[pcoub]_[A-Za-z0-9_]{36}" + _D),
    ("planetscale", "pscale_", r"pscale_(?:tkn|oauth|pw)_[A-Za-z0-9_=.-]{32,64}"),
    ("supabase", "sbp_", r"sbp_(?:v0_|oauth_)?[a-f0-9]{40}" + _E),
    ("supabase", "sb_secret_", r"sb_secret_[A-Za-z0-9_-]{20,64}"),
    ("neon", "napi_", r"napi_[a-z0-9]{60,70}" + _E),
    ("mongodb", "mdb_sa_sk_", r"mdb_sa_sk_[A-Za-z0-9_-]{40}" + _D),
    ("databricks", "dapi", r"dapi[a-h0-9]{32}(?:-\d)?" + _E),
    ("databricks", "dose", r"dose[a-f0-9]{32}" + _E),
    ("openshift", "sha256~", r"sha256~[A-Za-z0-9_-]{43}" + _D),
    ("vault", "hvs. hvb. hvr.", r"hv[sbr]\.[A-Za-z0-9_-]{20,256}"),
    (
        "doppler",
        "dp.",
        r"dp\.(?:pt|ct|st|sa|scim|audit|said)\.(?:[a-z0-9._-]{1,40}\.)?[A-Za-z0-9]{40,44}" + _E,
    ),
    ("pulumi", "pul-", r"pul-[a-f0-9]{40}" + _E),
    ("infracost", "ico-", r"ico-[A-Za-z0-9]{32}" + _E),
    ("harness", "pat. sat.", r"[ps]at\.[A-Za-z0-9_-]{22}\.[a-f0-9]{24}\.[A-Za-z0-9]{20}" + _E),
    ("scalingo", "tk-us-", r"tk-us-[A-Za-z0-9_-]{48}" + _D),
    ("tailscale", "tskey-", r"tskey-[a-z]{2,16}-[A-Za-z0-9]{8,40}(?:-[A-Za-z0-9]{8,64})?"),
    ("clickhouse", "4b1d", r"4b1d[A-Za-z0-9]{38}" + _E),
    ("defined-networking", "dnkey-", r"dnkey-[A-Za-z0-9_=-]{26}-[A-Za-z0-9_=-]{52}"),
    ("1password", "ops_eyJ", r"ops_eyJ[A-Za-z0-9+/]{250,2048}={0,3}"),
    ("1password", "A3-", r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}" + _E),
    ("age", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
)

CODE: Final[tuple[Row, ...]] = (
    ("github", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{36,255}"),
    ("github", "github_pat_", r"github_pat_[A-Za-z0-9_]{22,255}"),
    (
        "gitlab",
        "glp gld glf glr glc gls gli gla glo",
        r"gl(?:(?:pat|dt|ft|rt|cbt|feat|ffct)-[A-Za-z0-9_-]{20,64}"
        + _D
        + r"|soat-[A-Za-z0-9_-]{20,50}"
        + _D
        + r"|imt-[A-Za-z0-9_-]{25}"
        + _D
        + r"|ptt-[A-Za-z0-9_-]{40}"
        + _D
        + r"|agent-[A-Za-z0-9_-]{50,100}"
        + _D
        + r"|oas-[A-Za-z0-9_-]{64}"
        + _D
        + r"|(?:pat|rt|dt)-[A-Za-z0-9_-]{20,300}\.[0-9a-z]{2}\.[0-9a-z]{7,12}"
        + _E
        + ")",
    ),
    ("gitlab", "GR1348941", r"GR1348941[A-Za-z0-9_-]{20,50}" + _D),
    ("atlassian", "ATATT3 ATCTT3 ATBBT", r"AT(?:ATT3|CTT3)[A-Za-z0-9_=-]{60,260}"),
    ("atlassian", "ATBB", r"ATBB[A-Za-z0-9]{32}" + _E),
    ("trello", "ATTA", r"ATTA[a-f0-9]{72}" + _E),
    ("npm", "npm_", r"npm_[A-Za-z0-9]{36}" + _E),
    ("pypi", "pypi-AgE", r"pypi-AgE[A-Za-z0-9_-]{82,1024}"),
    ("nuget", "oy2", r"oy2[a-z0-9]{43}" + _E),
    ("rubygems", "rubygems_", r"rubygems_[a-f0-9]{48}" + _E),
    ("crates", "cio", r"cio[A-Za-z0-9]{32}" + _E),
    ("clojars", "CLOJARS_", r"CLOJARS_[A-Za-z0-9]{60}" + _E),
    ("packagist", "packagist_", r"packagist_[ou][ru]t_[a-f0-9]{68}" + _E),
    ("docker", "dckr_pat_ dckr_oat_", r"dckr_[po]at_[A-Za-z0-9_-]{20,64}"),
    ("artifactory", "AKC", r"AKC[a-z][A-Za-z0-9]{60,80}" + _E),
    ("artifactory", "cmVmd", r"cmVmd[A-Za-z0-9]{59}" + _E),
    ("octopus", "API-", r"API-(?=[A-Z]{0,25}\d)[A-Z0-9]{25,26}" + _E),
    ("buildkite", "bkua_", r"bkua_[a-z0-9]{40}" + _E),
    ("circleci", "CCIPAT_ CCIPRJ_", r"CCI(?:PAT|PRJ)_[A-Za-z0-9]{22}_[a-fA-F0-9]{40}" + _E),
    ("prefect", "pnu_ pnb_", r"pn[ub]_[A-Za-z0-9]{36}" + _E),
    ("sourcegraph", "sgp_", r"sgp_(?:(?:[a-fA-F0-9]{16}|local)_)?[a-fA-F0-9]{40}" + _E),
    ("sonar", "squ_ sqp_ sqa_", r"sq[upa]_[A-Za-z0-9_=-]{40}" + _D),
    ("postman", "PMAK-", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}" + _E),
    ("readme", "rdme_", r"rdme_[a-z0-9]{70}" + _E),
    ("launchdarkly", "sdk-", r"sdk-" + _UUID + _E),
    ("posthog", "phx_", r"phx_[A-Za-z0-9_]{43}" + _D),
    ("django", "django-insecure-", r"django-insecure-[!-&(-~]{40,64}"),
)

WATCHING: Final[tuple[Row, ...]] = (
    ("datadog", "ddapp_", r"ddapp_[A-Za-z0-9]{34}" + _E),
    ("newrelic", "NRAK- NRAA- NRRA-", r"NR(?:AK|AA|RA)-[A-Za-z0-9]{27,42}" + _E),
    ("newrelic", "NRII- NRIQ-", r"NRI[IQ]-[A-Za-z0-9-]{32}" + _D),
    ("newrelic", "NRJS-", r"NRJS-[a-f0-9]{19}" + _E),
    ("grafana", "glc_", r"glc_[A-Za-z0-9+/]{32,400}={0,3}"),
    ("grafana", "glsa_", r"glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}" + _E),
    ("grafana", "eyJrIjoi", r"eyJrIjoi[A-Za-z0-9+/]{60,400}={0,3}(?![A-Za-z0-9_.-])"),
    ("dynatrace", "dt0", r"dt0[a-z]\d{2}\.[A-Za-z0-9]{8,24}\.[A-Za-z0-9]{64}" + _E),
    ("sentry", "sntrys_", r"sntrys_[A-Za-z0-9+/=]{16,512}_[A-Za-z0-9+/]{43}={0,2}"),
    ("sentry", "sntryu_ sntrya_ sntryi_", r"sntry[uai]_[a-f0-9]{64}" + _E),
    ("rootly", "rootly_", r"rootly_[a-f0-9]{64}" + _E),
    ("langsmith", "lsv2_", r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}" + _E),
)

MONEY: Final[tuple[Row, ...]] = (
    (
        "stripe",
        "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_",
        r"[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,255}",
    ),
    ("square", "sq0csp- sq0atp-", r"sq0(?:csp|atp)-[A-Za-z0-9_-]{22,64}"),
    ("square", "EAAA", r"EAAA[A-Za-z0-9_-]{60}" + _D),
    ("shopify", "shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}" + _E),
    (
        "plaid",
        "access-sandbox- access-development- access-production-",
        r"access-(?:sandbox|development|production)-" + _UUID + _E,
    ),
    (
        "adyen",
        "AQE",
        r"AQE[A-Za-z0-9]{5}[A-Za-z0-9+/]{20,200}={0,2}-[A-Za-z0-9+/]{20,100}={0,2}-[!-&(-~]{8,64}",
    ),
    ("braintree", "access_token$", r"access_token\$(?:production|sandbox)\$[a-z0-9]{16}\$[a-f0-9]{32}" + _E),
    ("flutterwave", "FLWSECK", r"FLWSECK(?:_TEST)?-[A-Za-z0-9]{12,40}(?:-X)?" + _E),
    ("easypost", "EZAK EZTK", r"EZ[AT]K[A-Za-z0-9]{54}" + _E),
    ("shippo", "shippo_live_ shippo_test_", r"shippo_(?:live|test)_[a-fA-F0-9]{40}" + _E),
    ("duffel", "duffel_live_ duffel_test_", r"duffel_(?:live|test)_[A-Za-z0-9_=-]{43}" + _D),
    ("razorpay", "rzp_live_ rzp_test_", r"rzp_(?:live|test)_[A-Za-z0-9]{14}" + _E),
)

PEOPLE: Final[tuple[Row, ...]] = (
    ("slack", "xapp-", r"xapp-\d-[A-Z0-9]{1,32}-\d{1,20}-[a-f0-9]{8,128}"),
    ("sendgrid", "SG.", r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}"),
    ("twilio", "SK AC", r"(?:SK|AC)[a-z0-9]{32}" + _E),
    ("mailgun", "key-", r"key-[a-f0-9]{32}" + _E),
    ("brevo", "xkeysib- xsmtpsib-", r"x(?:key|smtp)sib-[a-f0-9]{64}-[A-Za-z0-9]{16}" + _E),
    ("resend", "re_", r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}" + _E),
    ("notion", "ntn_", r"ntn_\d{11}[A-Za-z0-9]{35}" + _E),
    ("notion", "secret_", r"secret_(?=[A-Za-z]{0,42}\d)[A-Za-z0-9]{43}" + _E),
    ("figma", "figd_", r"figd_[A-Za-z0-9_-]{40,43}" + _D),
    ("linear", "lin_api_ lin_oauth_ lin_wh_", r"lin_(?:api|oauth|wh)_[A-Za-z0-9]{32,64}" + _E),
    ("airtable", "pat", r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}" + _E),
    ("asana", "2/", r"2/\d{15,16}/\d{15,16}:[a-f0-9]{32}" + _E),
    ("clickup", "pk_", r"pk_\d{6,10}_[A-Z0-9]{32}" + _E),
    ("hubspot", "pat-na pat-eu", r"pat-(?:na|eu)\d-" + _UUID + _E),
    ("typeform", "tfp_", r"tfp_[A-Za-z0-9_=.-]{40,60}"),
    ("contentful", "CFPAT-", r"CFPAT-[A-Za-z0-9_-]{43}" + _D),
    ("frameio", "fio-u-", r"fio-u-[A-Za-z0-9_=-]{64}"),
    ("dropbox", "sl.", r"sl\.(?:u\.)?[A-Za-z0-9_=-]{130,2048}"),
    ("adobe", "p8e- p8E-", r"p8[eE]-[A-Za-z0-9]{32}" + _E),
    ("facebook", "EAAC EAAM EAAG EAAB", r"EAA[CMGB][A-Za-z0-9]{90,255}"),
    ("salesforce", "00D", r"00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?![A-Za-z0-9_.]{80,260}"),
    ("okta", "SSWS", r"SSWS 00[A-Za-z0-9_-]{40}" + _D),
    ("mapbox", "sk.", r"sk\.eyJ[A-Za-z0-9_-]{40,160}\.[A-Za-z0-9_-]{22}" + _D),
    ("intra42", "s-s4t2", r"s-s4t2(?:ud|af)-[a-f0-9]{64}" + _E),
    ("settlemint", "sm_pat_ sm_aat_ sm_sat_", r"sm_(?:pat|aat|sat)_[A-Za-z0-9]{16}" + _E),
    (
        "authress",
        "sc_ ext_ scauth_ authress_",
        r"(?:sc|ext|scauth|authress)_[A-Za-z0-9]{5,30}\.[A-Za-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\.[A-Za-z0-9+/_=-]{30,120}",
    ),
)

MODELS: Final[tuple[Row, ...]] = (
    ("anthropic", "sk-ant-", r"sk-ant-[A-Za-z0-9_-]{20,200}"),
    ("openrouter", "sk-or-v1-", r"sk-or-v1-[a-f0-9]{64}" + _E),
    ("langfuse", "sk-lf-", r"sk-lf-" + _UUID + _E),
    ("huggingface", "hf_", r"hf_[A-Za-z0-9]{34}" + _E),
    ("huggingface", "api_org_", r"api_org_[A-Za-z0-9]{34}" + _E),
    ("perplexity", "pplx-", r"pplx-[A-Za-z0-9]{48}" + _E),
    ("replicate", "r8_", r"r8_[A-Za-z0-9_-]{37}" + _D),
    ("groq", "gsk_", r"gsk_[A-Za-z0-9]{52}" + _E),
    ("xai", "xai-", r"xai-[A-Za-z0-9_]{80}" + _E),
    ("nvidia", "nvapi-", r"nvapi-[A-Za-z0-9_-]{60,70}" + _D),
    ("pinecone", "pcsk_", r"pcsk_[A-Za-z0-9]{5,10}_[A-Za-z0-9]{40,70}" + _E),
)

# These keys hold + / ~ or a dot, which cut runs: what tells them may stand far from the longest one.
SCATTERED: Final = frozenset({"+A", "AIoT", "ACDb", "AzFu", "Q~"})

INNER: Final[tuple[Row, ...]] = (
    ("openai", "T3BlbkFJ", r"sk-[A-Za-z0-9_-]{16,160}T3BlbkFJ[A-Za-z0-9_-]{16,160}"),
    ("terraform", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}" + _D),
    ("azure-secret", "Q~", r"[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~.-])"),
    ("azure-key", "JQQJ99", r"[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{18}[A-Za-z0-9+/]{6,12}={0,2}" + _E),
    ("azure-key", "AZDO", r"[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}" + _E),
    (
        "azure-key",
        "AzFu AzSe AzCa",
        r"[A-Za-z0-9_/+-]{44}AzFu[A-Za-z0-9_/+-]{4,8}={0,2}"
        r"|[A-Za-z0-9]{42}AzSe[A-Za-z0-9]{6}" + _E + r"|[A-Za-z0-9]{33}AzCa[A-P][A-Za-z0-9]{5}=?",
    ),
    (
        "azure-key",
        "+A AIoT ACDb",
        r"[A-Za-z0-9+/]{33,80}(?:\+ASt|\+ABa|\+ASb|\+AEh|\+AMC|AIoT|\+ACR|ACDb)[A-Za-z0-9+/]{5,8}={0,2}",
    ),
    ("newrelic", "NRAL", r"[a-f0-9]{36}NRAL" + _E),
    ("maxmind", "_mmk", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk" + _E),
    ("mailchimp", "-us", r"[0-9a-f]{32}-us\d{1,2}" + _E),
    ("telegram", ":AA", r"\d{8,10}:AA[A-Za-z0-9_-]{33}" + _D),
    ("asana", "1/", r"1/\d{15,16}:[a-f0-9]{32}" + _E),
)
