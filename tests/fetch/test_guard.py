"""Where we go, and where we do not: each of these addresses is refused, by what it says or by what it leads to."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import httpcore
import pytest

from lipwright.core.errors import UrlRefused
from lipwright.fetch import FetchLimits, Network, check_url, download, post
from lipwright.fetch.guard import check_address, is_public, shown

LIMITS = FetchLimits(max_bytes=1000, total_s=5)

REFUSED = [
    # what is no download at all
    "file:///etc/passwd", "ftp://example.com/a.mp4", "gopher://127.0.0.1:6379/_INFO", "data:video/mp4;base64,AAAA",
    "javascript:alert(1)", "//example.com/a.mp4", "/etc/passwd", "", "http://", "http:///a.mp4", "http:example.com",
    # ports
    "http://example.com:22/", "http://example.com:6379/", "https://example.com:8443/", "http://example.com:0/",
    "ftp://example.com:80/", "http://example.com:99999/", "http://example.com:port/",
    # this machine, in every spelling
    "http://127.0.0.1/", "http://127.0.0.1:80/a.mp4", "http://127.255.255.254/", "http://0.0.0.0/", "http://0/",
    "http://127.1/", "http://127.0.1/", "http://2130706433/", "http://017700000001/", "http://0177.0.0.1/",
    "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0X7F.1/", "http://127.0.0.01/", "http://localhost/",
    "http://LOCALHOST/", "http://a.localhost/", "http://127.0.0.1./", "http://localhost./", "http://[::1]/",
    "http://[::]/", "http://[0:0:0:0:0:0:0:1]/", "http://127。0。0。1/", "http://①②⑦.0.0.1/", "http://１２７.0.0.1/",
    # private networks, metadata
    "http://10.0.0.1/", "http://172.16.0.1/", "http://172.31.255.255/", "http://192.168.1.1/", "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://100.100.100.200/",
    "http://168.63.129.16/", "http://192.0.0.192/", "http://metadata.google.internal/", "http://printer.local/",
    "http://[fe80::1]/", "http://[fe80::1%25eth0]/", "http://[fc00::1]/", "http://[fec0::1]/",
    # multicast, reserved, documentation
    "http://224.0.0.1/", "http://239.255.255.250/", "http://240.0.0.1/", "http://255.255.255.255/", "http://[ff02::1]/",
    "http://192.0.2.1/", "http://198.18.0.1/", "http://[2001:db8::1]/",
    # a private number inside another
    "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/", "http://[::ffff:0:127.0.0.1]/",
    "http://[64:ff9b::127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[64:ff9b:1::10.0.0.1]/",
    "http://[2002:7f00:1::]/", "http://[2001:0:7f00:1::]/", "http://[2a00:1450::5efe:127.0.0.1]/",
    # tricks with the form
    "http://example.com@127.0.0.1/", "http://user:pass@example.com/", "http://127.0.0.1#@example.com/",
    "http://127.0.0.1\\@example.com/", "http://example.com\\.evil.test/", "http://127.0.0.1%00.example.com/",
    "http://127%2e0%2e0%2e1/", "http://exam ple.com/", "http://example.com\r\nHost: x/", "http://example.com\t/",
    "http://.example.com/", "http://exa$mple.com/", "http://-/", "http://[127.0.0.1]/", "http://[::1/", "http://[v1.x]/",
    "https://example.com/" + "a" * 5000,
]  # fmt: skip


class NoWay(Network):
    """A network on which every attempt is a mistake."""

    def resolve(self, host: str, port: int) -> list[str]:
        raise AssertionError(f"{host} was resolved")

    def connect(self, address: str, port: int, timeout_s: float) -> httpcore.NetworkStream:
        raise AssertionError(f"{address} was connected to")


class Names(NoWay):
    """A network on which names lead to these addresses, one list for each time that is asked."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    def resolve(self, host: str, port: int) -> list[str]:
        return self.answers.pop(0)


def test_the_table_is_long_enough() -> None:
    assert len(set(REFUSED)) == len(REFUSED) >= 40


@pytest.mark.parametrize("url", REFUSED)
def test_an_address_that_is_not_public_is_refused_before_anything_is_asked(url: str, tmp_path: Path) -> None:
    with pytest.raises(UrlRefused):
        download(url, tmp_path / "got", limits=LIMITS, network=NoWay())
    with pytest.raises(UrlRefused):
        post(url, b"{}", {}, limits=LIMITS, network=NoWay())


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "::1", "::ffff:10.0.0.1",
     "fe80::1%eth0", "fd12::1", "64:ff9b::a00:1", "2002:a00:1::", "2001:0:1::1", "ff02::1", "::"],
)  # fmt: skip
def test_a_name_that_leads_into_the_private_network_is_refused(address: str, tmp_path: Path) -> None:
    for answer in ([address], ["93.184.216.34", address]):
        with pytest.raises(UrlRefused, match="private network"):
            download("http://rebind.test/", tmp_path / "got", limits=LIMITS, network=Names(answer))


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "https://example.com:443/a%20b.mp4?x=1&y=%2F", "http://xn--mnchen-3ya.de/",
     "http://münchen.de/v.mp4", "http://93.184.216.34/a.mp4", "https://[2606:2800:220:1::1]/", "http://a_b.example.com/"],
)  # fmt: skip
def test_what_is_public_passes(url: str) -> None:
    assert not check_url(url).is_allowed


def test_what_the_operator_names_is_allowed_and_nothing_beside_it() -> None:
    allow = ["minio.local:9000", " 10.0.0.5 ", "[fd00::1]:9000", "localhost"]

    for url in ("http://minio.local:9000/a", "http://10.0.0.5/", "http://[fd00::1]:9000/", "http://LOCALHOST:80/"):
        assert check_url(url, allow=allow).is_allowed
    for url in ("http://minio.local/", "http://10.0.0.5:9000/", "http://10.0.0.6/", "http://x.minio.local:9000/"):
        with pytest.raises(UrlRefused):
            check_url(url, allow=allow)


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "100.100.100.200", "192.0.0.192",
     "168.63.129.16", "0.0.0.0", "::", "ff02::1", "fe80::1", "::ffff:169.254.169.254", "::169.254.169.254",
     "::ffff:0:169.254.169.254", "64:ff9b::169.254.169.254", "64:ff9b:1::169.254.169.254", "2002:a9fe:a9fe::",
     "2001:0:a9fe:a9fe::", "2001::5601:5601", "fd00::5efe:169.254.169.254", "::ffff:100.100.100.200"],
)  # fmt: skip
def test_even_behind_an_allowed_name_there_is_no_metadata_service(address: str, tmp_path: Path) -> None:
    with pytest.raises(UrlRefused, match="no single machine"):
        download("http://minio.local/", tmp_path / "x", limits=LIMITS, allow=["minio.local"], network=Names([address]))


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.5", "100.64.0.1", "::1", "fd00::1", "::ffff:10.0.0.5", "64:ff9b::10.0.0.5", "2002:a00:5::"],
)
def test_behind_an_allowed_name_there_may_be_any_machine_of_the_private_network(address: str) -> None:
    check_address("http://minio.local/", ip_address(address), is_allowed=True)


def test_more_ports_can_be_opened() -> None:
    assert check_url("http://example.com:8080/", ports=(80, 443, 8080)).port == 8080


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"]
)
def test_ordinary_machines_are_public(address: str) -> None:
    assert is_public(ip_address(address))


def test_messages_show_no_secrets() -> None:
    assert shown("https://u:p@example.com/a.mp4?X-Amz-Signature=s#t") == "https://...@example.com/a.mp4"
    assert shown("http://example.com/\x1b[31m\n") == "http://example.com/?[31m?"
