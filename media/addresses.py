"""Which internet addresses belong to the public, and which lead into this machine or its network."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# What Python's own tables leave open.
_NOT_PUBLIC = (
    ip_network("168.63.129.16/32"),  # Azure's wire server: a public number that answers inside the cloud only
    ip_network("192.0.0.0/24"),  # protocol assignments, RFC 6890; Oracle's metadata service is among them
    ip_network("192.88.99.0/24"),  # 6to4 relays, RFC 7526
)
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


def is_public(text: str) -> bool:
    """Return whether an address, as text, may be connected to on a stranger's word.

    Loopback, private, link-local, carrier-grade NAT, multicast, unspecified, reserved and cloud-metadata ranges are
    not, nor are IPv6 addresses that lead to such an IPv4 address (mapped, 6to4, NAT64). Raises ValueError.
    """
    address = ip_address(text)
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or _behind_nat64(address)
        address = address if inner is None else inner
    special = (
        address.is_loopback or address.is_private or address.is_link_local or address.is_multicast
        or address.is_unspecified or address.is_reserved or getattr(address, "is_site_local", False)
    )  # fmt: skip
    return address.is_global and not special and not any(address in network for network in _NOT_PUBLIC)


def _behind_nat64(address: IPv6Address) -> IPv4Address | None:
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
