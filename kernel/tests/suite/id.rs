//! Identifiers and distances, compared with byte-wise big-endian arithmetic.
//!
//! **Invariant:** the model never uses the arithmetic under test.

use hopwise_kernel::base::id::{ID_BITS, ID_BYTES};
use hopwise_kernel::{Distance, Id};
use proptest::prelude::*;

type Bytes = [u8; ID_BYTES];

/// Uniform bytes, and bytes that end in equal runs, over which carries propagate.
fn bytes() -> impl Strategy<Value = Bytes> {
    let run = (any::<Bytes>(), 0..=ID_BYTES, prop_oneof![Just(0), Just(1), Just(0x7f), Just(0xff)])
        .prop_map(|(mut bytes, from, value)| {
            bytes[from..].fill(value);
            bytes
        });
    prop_oneof![any::<Bytes>(), run]
}

fn id() -> impl Strategy<Value = Id> {
    bytes().prop_map(Id::from_bytes)
}

/// Three points, some of which may be equal.
fn points() -> impl Strategy<Value = (Id, Id, Id)> {
    (id(), id(), id(), 0..5).prop_map(|(a, b, c, same)| match same {
        0 => (a, a, c),
        1 => (a, b, a),
        2 => (a, b, b),
        3 => (a, a, a),
        _ => (a, b, c),
    })
}

fn naive_add(a: Bytes, b: Bytes) -> Bytes {
    let (mut sum, mut carry) = ([0; ID_BYTES], 0);
    for at in (0..ID_BYTES).rev() {
        let digit = u16::from(a[at]) + u16::from(b[at]) + carry;
        sum[at] = digit as u8;
        carry = digit >> 8;
    }
    sum
}

fn naive_sub(a: Bytes, b: Bytes) -> Bytes {
    let (mut difference, mut borrow) = ([0; ID_BYTES], 0);
    for at in (0..ID_BYTES).rev() {
        let digit = i16::from(a[at]) - i16::from(b[at]) - borrow;
        difference[at] = digit as u8;
        borrow = i16::from(digit < 0);
    }
    difference
}

/// The product of two big-endian numbers, shifted right by 64 bits.
fn naive_part(a: Bytes, part: u64) -> Bytes {
    let mut product = [0_u64; ID_BYTES + 8];
    for (at, digit) in a.into_iter().enumerate() {
        for (place, factor) in part.to_be_bytes().into_iter().enumerate() {
            product[at + place + 1] += u64::from(digit) * u64::from(factor);
        }
    }
    for at in (1..product.len()).rev() {
        product[at - 1] += product[at] >> 8;
        product[at] &= 0xff;
    }
    core::array::from_fn(|at| product[at] as u8)
}

proptest! {
    #[test]
    fn a_part_is_the_product(distance in bytes(), part in prop_oneof![any::<u64>(), Just(u64::MAX)]) {
        let found = Distance::from_bytes(distance).part(part);
        prop_assert_eq!(found.to_bytes(), naive_part(distance, part));
    }

    #[test]
    fn an_arc_is_never_empty(a in id(), b in id()) {
        let arc = a.arc_to(b);
        prop_assert_eq!(arc, if a == b { Distance::MAX } else { a.distance_to(b) });
    }

    #[test]
    fn bytes_and_parts_come_back(bytes in bytes()) {
        let id = Id::from_bytes(bytes);
        prop_assert_eq!(id.to_bytes(), bytes);
        prop_assert_eq!(Distance::from_bytes(bytes).to_bytes(), bytes);
        prop_assert_eq!(Id::from_parts(id.prefix(), id.tail()), id);
        prop_assert!(bytes.starts_with(&id.prefix().to_be_bytes()));
        let hexadecimal: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        prop_assert_eq!(id.to_string(), hexadecimal);
    }

    #[test]
    fn order_is_that_of_the_bytes(a in bytes(), b in bytes()) {
        prop_assert_eq!(Id::from_bytes(a).cmp(&Id::from_bytes(b)), a.cmp(&b));
        prop_assert_eq!(Distance::from_bytes(a).cmp(&Distance::from_bytes(b)), a.cmp(&b));
    }

    #[test]
    fn add_carries_as_bytes_do(a in bytes(), b in bytes()) {
        let sum = Id::from_bytes(a).add(Distance::from_bytes(b));
        prop_assert_eq!(sum.to_bytes(), naive_add(a, b));
    }

    #[test]
    fn distance_borrows_as_bytes_do(a in bytes(), b in bytes()) {
        let distance = Id::from_bytes(a).distance_to(Id::from_bytes(b));
        prop_assert_eq!(distance.to_bytes(), naive_sub(b, a));
    }

    #[test]
    fn adding_the_distance_arrives(a in id(), b in id()) {
        prop_assert_eq!(a.add(a.distance_to(b)), b);
        prop_assert_eq!(a.distance_to(a), Distance::ZERO);
        prop_assert_eq!(a.add(a.distance_to(b)).add(b.distance_to(a)), a);
    }

    #[test]
    fn multiples_of_powers_are_repeated_doublings(multiple: u32, exponent in 0..2 * ID_BITS) {
        let mut bytes = [0; ID_BYTES];
        bytes[ID_BYTES - 4..].copy_from_slice(&multiple.to_be_bytes());
        let expected = (0..exponent).fold(bytes, |bytes, _| naive_add(bytes, bytes));
        prop_assert_eq!(Distance::multiple_of_power(multiple, exponent).to_bytes(), expected);
    }

    /// `is_between` equals its definition on the line that starts at zero.
    #[test]
    fn between_is_its_definition((a, x, b) in points()) {
        let expected = if a < b { a < x && x < b } else { (a < x || x < b) && x != a };
        prop_assert_eq!(x.is_between(a, b), expected, "{:?} between {:?} and {:?}", x, a, b);
    }

    /// Two different points divide the circle: any other point lies on exactly one arc.
    #[test]
    fn two_arcs_make_the_circle((a, x, b) in points()) {
        let distinct = a != b && x != a && x != b;
        prop_assert!(!distinct || x.is_between(a, b) != x.is_between(b, a));
    }

    #[test]
    fn between_turns_with_the_circle((a, x, b) in points(), turn in bytes()) {
        let turn = Distance::from_bytes(turn);
        let turned = x.add(turn).is_between(a.add(turn), b.add(turn));
        prop_assert_eq!(turned, x.is_between(a, b));
    }

    /// A key has exactly one owner: the first node at or clockwise after it.
    #[test]
    fn the_owner_is_the_first_node_at_or_after_the_key(
        mut nodes in prop::collection::vec(id(), 1..8),
        key in id(),
        at_a_node: Option<prop::sample::Index>,
    ) {
        nodes.sort();
        nodes.dedup();
        let key = at_a_node.map_or(key, |index| *index.get(&nodes));
        let expected = *nodes.iter().find(|&&node| node >= key).unwrap_or(&nodes[0]);
        for (at, &node) in nodes.iter().enumerate() {
            let predecessor = nodes[(at + nodes.len() - 1) % nodes.len()];
            prop_assert_eq!(node.owns(key, predecessor), node == expected);
        }
    }
}
