"""PostgreSQL's usual proof that one knows a password: SCRAM-SHA-256, as in RFC 7677."""

import base64
import hashlib
import hmac
import secrets
import unicodedata

NAME = b"SCRAM-SHA-256"
MOST_ROUNDS = 1_000_000  # more would only keep us busy


class Exchange:
    """The client's side; the server's own proof is of no interest here."""

    def __init__(self, password):
        self._password = unicodedata.normalize("NFKC", password).encode()
        self._bare = b"n=,r=" + secrets.token_urlsafe(18).encode()

    def first(self):
        """Return the message that begins."""
        return b"n,," + self._bare

    def final(self, challenge):
        """Return the proof that the server's challenge asks for; raises KeyError, ValueError."""
        fields = dict(part.split(b"=", 1) for part in challenge.split(b","))
        rounds = int(fields[b"i"])
        if not 0 < rounds <= MOST_ROUNDS:
            raise ValueError("too many rounds")
        salt = base64.b64decode(fields[b"s"])
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, rounds)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        answer = b"c=biws,r=" + fields[b"r"]
        agreed = b",".join([self._bare, challenge, answer])
        signature = hmac.digest(hashlib.sha256(client_key).digest(), agreed, "sha256")
        proof = bytes(one ^ other for one, other in zip(client_key, signature, strict=True))
        return answer + b",p=" + base64.b64encode(proof)
