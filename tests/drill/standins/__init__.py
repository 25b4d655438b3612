"""Stand-ins for what the chain speaks to and a test cannot have: DingTalk, Discord, PagerDuty, an SMS gateway, a dead man's switch, a
mail relay, PostgREST and a network. They speak the real protocols, errors included, on 127.0.0.1. They are stand-ins all the same:
that the real ones answer so is taken from their documentation."""
