"""Every way of forging an access token that we know, by what it tries."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.support.forgery import (
    OTHER,
    PRIVATE,
    at,
    claims,
    forged,
    header,
    public_pem,
    public_raw,
    text,
    unsigned,
    with_ed,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Callable

FORGED: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "one word": lambda: "token",
    "two parts": lambda: "a.b",
    "four parts": lambda: forged(header(), claims()) + ".x",
    "three dots": lambda: "...",
    "not base64": lambda: "é.é.é",
    "lone surrogate": lambda: "\ud800.a.b",
    "header is no JSON": lambda: f"{text(b'{')}.{text(b'{}')}.x",
    "header is an array": lambda: forged([], claims()),
    "header is not UTF-8": lambda: f"{text(bytes([255]))}.{text(b'{}')}.x",
    "payload is an array": lambda: forged(header(), []),
    "payload is text": lambda: forged(header(), "hello"),
    "payload nested 500 deep": lambda: forged(header(), json.loads("[" * 500 + "]" * 500)),
    "header nested 900 deep": lambda: f"{text(b'[' * 1400)}.{text(b'{}')}.x",
    "signature of another key": lambda: forged(header(), claims(), OTHER),
    "signature cut": lambda: forged(header(), claims())[:-3],
    "no signature": lambda: forged(header(), claims()).rpartition(".")[0] + ".",
    "payload changed": lambda: _swapped(forged(header(), claims()), claims(sub=str(uuid4()))),
    "alg none": lambda: unsigned("none"),
    "alg None": lambda: unsigned("None"),
    "alg nOnE": lambda: unsigned("nOnE"),
    "alg missing": lambda: forged(header(alg=None), claims()),
    "alg HS384": lambda: forged(header(alg="HS384"), claims()),
    "alg RS256": lambda: forged(header(alg="RS256"), claims()),
    "HS256 with the public Ed25519 key as PEM": lambda: forged(header(kid="ed"), claims(), public_pem()),
    "HS256 with the public Ed25519 key": lambda: forged(header(kid="ed"), claims(), public_raw()),
    "EdDSA said, HMAC made": lambda: forged(header(alg="EdDSA", kid="ed"), claims(), public_raw()),
    "EdDSA under the kid of an HMAC key": lambda: with_ed(header(alg="EdDSA"), PRIVATE),
    "EdDSA with another key": lambda: with_ed(header(alg="EdDSA", kid="ed"), OTHER),
    "kid unknown": lambda: forged(header(kid="other"), claims()),
    "kid missing": lambda: forged(header(kid=None), claims()),
    "kid is a path": lambda: forged(header(kid="../../../../dev/null"), claims(), b""),
    "kid is SQL": lambda: forged(header(kid="' OR 1=1 --"), claims()),
    "kid is a number": lambda: forged(header(kid=1), claims()),
    "kid is a list": lambda: forged(header(kid=["hs"]), claims()),
    "typ missing": lambda: forged(header(typ=None), claims()),
    "typ JWT": lambda: forged(header(typ="JWT"), claims()),
    "typ of an ID token": lambda: forged(header(typ="id+jwt"), claims()),
    "a key of its own (jwk)": lambda: forged(header(jwk={"kty": "oct", "k": text(OTHER)}), claims(), OTHER),
    "a key elsewhere (jku)": lambda: forged(header(jku="https://evil.example/keys"), claims()),
    "crit": lambda: forged(header(crit=["exp"]), claims()),
    "b64 false": lambda: forged(header(b64=False), claims()),
    **{f"{name} missing": partial(without, name) for name in claims()},
    "iss of another service": lambda: forged(header(), claims(iss="https://evil.example")),
    "aud of another service": lambda: forged(header(), claims(aud="other")),
    "aud is a list": lambda: forged(header(), claims(aud=["worklane", "other"])),
    "sub is no id": lambda: forged(header(), claims(sub="admin")),
    "sub is a number": lambda: forged(header(), claims(sub=1)),
    "sid is no id": lambda: forged(header(), claims(sid="*")),
    "jti empty": lambda: forged(header(), claims(jti="")),
    "iat 11 s ahead": lambda: forged(header(), claims(iat=at(timedelta(seconds=11)))),
    "iat is text": lambda: forged(header(), claims(iat="0")),
    "iat is a fraction": lambda: forged(header(), claims(iat=1.5)),
    "exp 10 s ago": lambda: forged(header(), claims(exp=at(timedelta(seconds=-10)))),
    "exp is 10^30": lambda: forged(header(), claims(exp=10**30)),
    "exp is 10^15": lambda: forged(header(), claims(exp=10**15)),
    "exp is true": lambda: forged(header(), claims(exp=True)),
    "exp is text": lambda: forged(header(), claims(exp="tomorrow")),
    "1 MB": lambda: forged(header(), claims(jti="x" * 1_000_000)),
    "4097 characters": lambda: forged(header(), claims()).ljust(4097, "A"),
}


def _swapped(token: str, payload: dict[str, Any]) -> str:
    head, _, signature = token.split(".")
    return f"{head}.{text(json.dumps(payload).encode())}.{signature}"
