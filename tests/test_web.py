"""The web server: what it serves, whom it refuses, and how it says that it cannot start."""

from __future__ import annotations

import asyncio
import datetime
import json
import re
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bgflow.errors import UsageError
from bgflow.web.files import page_folder
from bgflow.web.served import Webs
from bgflow.web.server import OFFER_BYTES, Web

PAGE = sorted(p.name for p in page_folder().iterdir())


def web(address: str = "127.0.0.1", **tls: str | None) -> Web:
    return Web(address, 0, tls.get("cert"), tls.get("key"), "camera")


def served(ask: Callable[[str, aiohttp.ClientSession], Awaitable[Any]], at: Web | None = None) -> Any:
    """Serve, ask, and end."""
    server = at or web()

    async def serve() -> Any:
        async with server.running(), aiohttp.ClientSession() as session:
            return await ask(server.url, session)

    return asyncio.run(serve())


def told(method: str, path: str, **request: Any) -> tuple[int, Any]:
    """One request's status and JSON."""

    async def ask(url: str, session: aiohttp.ClientSession) -> tuple[int, Any]:
        async with session.request(method, url + path, **request) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text.startswith("{") else text

    found: tuple[int, Any] = served(ask)
    return found


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    """A self-signed certificate and its key."""
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(name, name, secret.public_key(), 1, now, now + datetime.timedelta(days=1))
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(made.sign(secret, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    formats = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key.write_bytes(secret.private_bytes(serialization.Encoding.PEM, *formats))
    return str(cert), str(key)


def test_every_file_of_the_page_is_served_and_may_load_nothing_from_elsewhere() -> None:
    async def ask(url: str, session: aiohttp.ClientSession) -> None:
        for name in ["", *(p for p in PAGE if not p.endswith(".html"))]:
            async with session.get(url + name) as answer:
                assert answer.status == 200, name
                assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")

    served(ask)


@pytest.mark.parametrize("name", PAGE)
def test_no_file_of_the_page_names_another_host(name: str) -> None:
    text = (page_folder() / name).read_text().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://", text)


def test_every_element_that_a_script_asks_for_is_on_the_page() -> None:
    html = (page_folder() / "index.html").read_text()
    scripts = "".join((page_folder() / n).read_text() for n in PAGE if n.endswith(".js"))
    asked = set(re.findall(r'(?:byId|show)\(\s*"([\w-]+)"', scripts))
    assert asked
    assert asked <= set(re.findall(r'id="([\w-]+)"', html))


def test_a_file_that_is_not_there_is_told_in_one_line() -> None:
    assert told("GET", "nothing.js") == (404, {"error": "there is no nothing.js here"})


def test_another_host_name_is_refused_as_dns_rebinding_needs_one() -> None:
    status, said = told("GET", "api/status", headers={"Host": "evil.example:80"})
    assert status == 403
    assert said["error"].startswith("this server is not called 'evil.example'; open http://127.0.0.1:")


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]"])
def test_every_name_of_this_machine_is_accepted(name: str) -> None:
    assert told("GET", "api/status", headers={"Host": f"{name}:8080"})[0] == 200


def test_on_the_network_addresses_are_accepted_but_foreign_names_are_not() -> None:
    async def ask(url: str, session: aiohttp.ClientSession) -> list[int]:
        found = []
        for host in ("192.0.2.1", "evil.example"):
            async with session.get(url + "api/status", headers={"Host": host}) as answer:
                found.append(answer.status)
        return found

    assert served(ask, web("0.0.0.0")) == [200, 403]


def test_a_request_from_another_web_site_is_refused() -> None:
    status, said = told("POST", "api/leave", json={"peer": "x"}, headers={"Origin": "https://evil.example"})
    refused = "requests from https://evil.example are refused; only this server's own page may make them"
    assert (status, said) == (403, {"error": refused})


def test_a_request_of_its_own_page_is_accepted() -> None:
    async def ask(url: str, session: aiohttp.ClientSession) -> int:
        async with session.post(url + "api/leave", json={"peer": "x"}, headers={"Origin": url.rstrip("/")}) as answer:
            return answer.status

    assert served(ask) == 200


def test_a_form_cannot_stand_for_json() -> None:
    assert told("POST", "api/leave", data={"peer": "x"}) == (
        400,
        {"error": "the body is application/x-www-form-urlencoded, but must be application/json"},
    )


@pytest.mark.parametrize("body", [[], "x", {}, {"peer": 1}])
def test_a_body_without_its_field_is_refused_in_one_line(body: Any) -> None:
    assert told("POST", "api/leave", json=body) == (400, {"error": "the body needs 'peer', a str"})


def test_a_body_that_is_not_json_is_refused_in_one_line() -> None:
    status, said = told("POST", "api/leave", data=b"{", headers={"Content-Type": "application/json"})
    assert status == 400
    assert said["error"].startswith("the body is not JSON: ")


def test_a_body_that_is_too_large_is_refused() -> None:
    assert told("POST", "api/offer", json={"sdp": "x" * OFFER_BYTES, "role": "viewer"})[0] == 413


def test_a_camera_is_refused_by_a_graph_without_one() -> None:
    assert told("POST", "api/offer", json={"sdp": "", "role": "camera"}) == (
        400,
        {"error": "this graph takes no camera; it has no webrtc.source"},
    )


def test_there_is_nothing_to_set_where_a_graph_has_nothing() -> None:
    assert told("GET", "api/controls") == (200, {"controls": [], "actions": []})
    assert told("GET", "api/backgrounds") == (200, {"value": None, "gallery": [], "sent": []})


def test_a_background_is_refused_by_a_graph_without_one() -> None:
    assert told("POST", "api/background", json={"value": "#ffffff"}) == (
        400,
        {"error": "this graph has no background to choose; it has no compose.replace"},
    )


def test_a_taken_port_is_told_with_one_that_may_be_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UsageError) as error:
            Web("127.0.0.1", port, None, None, "camera")
    assert str(error.value) == (
        f"camera: 127.0.0.1:{port} is taken by another program; set another port, for example camera.port={port + 1}"
    )


def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(UsageError, match=r"^camera: cannot serve at 192\.0\.2\.1:0: cannot assign requested address$"):
        web("192.0.2.1")


def test_tls_needs_both_files() -> None:
    with pytest.raises(UsageError, match=r"^camera: TLS needs both cert and key; key is missing$"):
        web(cert="cert.pem")


def test_a_certificate_that_is_missing_is_told(tmp_path: Path) -> None:
    cert = str(tmp_path / "no.pem")
    with pytest.raises(UsageError) as error:
        web(cert=cert, key=cert)
    assert str(error.value) == f"camera: cannot use cert {cert!r} with key {cert!r}: no such file or directory"


def test_a_page_is_served_over_tls(certificate: tuple[str, str]) -> None:
    cert, key = certificate

    async def ask(url: str, session: aiohttp.ClientSession) -> tuple[str, int]:
        async with session.get(url, ssl=False) as answer:
            return answer.url.scheme, answer.status

    assert served(ask, web(cert=cert, key=key)) == ("https", 200)


def test_a_stage_without_a_port_joins_the_page_of_one_with() -> None:
    webs = Webs()
    first = webs.at("127.0.0.1", 0, None, None, "camera")
    webs.settle("127.0.0.1", None, None, "out")
    assert webs.first.result(0) is first
    assert webs.at("127.0.0.1", 0, None, None, "again") is first
    first.socket.close()


def test_the_last_stage_to_close_gives_the_ports_back_also_of_a_page_that_never_began() -> None:
    webs = Webs()
    server = webs.at("127.0.0.1", 0, None, None, "camera")
    webs.expect()
    webs.expect()
    webs.leave()
    assert server.socket.fileno() >= 0
    webs.leave()
    assert server.socket.fileno() == -1


def test_the_server_ends_with_the_last_stage_that_uses_it() -> None:
    server = web()

    async def use() -> list[bool]:
        async def answers() -> bool:
            async with aiohttp.ClientSession() as session:
                try:
                    async with session.get(server.url + "api/status") as answer:
                        return answer.status == 200
                except aiohttp.ClientConnectionError:
                    return False

        async with server.running():
            async with server.running():
                pass
            one = await answers()
        return [one, await answers()]

    assert asyncio.run(use()) == [True, False]
