"""Certificates of HTTPS listeners: the names are ACM's, the key is of an authority on this machine.

ACM hands out no private key, and the emulator's has none. So a listener presents a certificate for
the names that its own in ACM is for, issued by an authority that only who asks it here trusts. It
is for the listener's loopback address as well: no name leads there.
"""

import functools
import json
import ssl
from pathlib import Path
from typing import Any

import trustme
from ministack.services import acm


class Certificates:
    """Issues certificates by an authority that stays the same as long as the folder does.

    Parameters
    ----------
    folder
        Where the authority is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def authority(self) -> str:
        """Its own certificate (PEM), for clients to trust."""
        return self._ca.cert_pem.bytes().decode()

    @functools.cached_property
    def _ca(self) -> trustme.CA:
        certificate, key = self._folder / "authority.pem", self._folder / "authority-key.pem"
        if not certificate.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            made = trustme.CA()
            key.touch(mode=0o600)
            made.private_key_pem.write_to_path(str(key))
            made.cert_pem.write_to_path(str(certificate))
        return trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())

    def present(self, context: ssl.SSLContext, arn: str, address: str) -> None:
        """Let connections that begin from now on see a certificate.

        Parameters
        ----------
        context
            The listener's.
        arn
            The certificate of this account and region in ACM.
        address
            The listener's address.
        """
        certificate: dict[str, Any] = acm._certificates[arn]
        names = certificate.get("SubjectAlternativeNames") or [certificate["DomainName"]]
        self._ca.issue_cert(*names, address).configure_cert(context)

    @staticmethod
    def add(arn: str, domain: str) -> None:
        """Let ACM have a certificate that is there on AWS.

        Parameters
        ----------
        arn
            What it is called there.
        domain
            The name that it is for here.
        """
        _, _, answer = acm._request_certificate({"DomainName": domain})
        made = acm._certificates.pop(json.loads(answer)["CertificateArn"])
        acm._certificates[arn] = {**made, "CertificateArn": arn}
