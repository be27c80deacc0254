"""What every HTTP door has in common: who asks, what each route needs, how an answer and a refusal look."""
