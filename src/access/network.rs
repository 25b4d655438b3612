//! Clients told apart by where they come from.

use std::net::{IpAddr, Ipv6Addr};

/// What one client has: an address, or the 64 bits of IPv6 that it chooses addresses below.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}
