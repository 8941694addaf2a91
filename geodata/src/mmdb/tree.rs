//! The search tree of an MMDB file: the record of an address, in at most 128 steps whatever the tree holds.
//!
//! Numbers and names are those of the [MaxMind DB file format specification](https://maxmind.github.io/MaxMind-DB/).
//! IPv4 addresses skip the upper part of the tree through a table: each step down is an access to memory that waits for the one
//! before.

use std::net::IpAddr;

use bytes::Bytes;

const SEPARATOR_BYTES: usize = 16;
/// At most so many first bits of an IPv4 address lead to its node at once, fewer in small trees: 4 MiB at most. With 16 bits a
/// random address takes half as long again to find in the largest trees.
const MAX_TABLE_BITS: u32 = 20;
/// Bits before those of an IPv4 address in a tree of IPv6 addresses, all of them zero.
const V4_DEPTH: usize = 96;

/// What the metadata tell of the tree.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    /// Nodes in the tree, each with a left and a right record.
    pub node_count: u32,
    /// 24, 28 or 32 bits.
    pub record_bits: u16,
    /// 4 or 6.
    pub ip_version: u16,
}

/// The tree in a file's bytes.
pub(crate) struct SearchTree {
    file: Bytes,
    layout: Layout,
    /// Where the walk stands after the first bits of an IPv4 address, by these bits.
    table: Box<[u32]>,
    table_bits: u32,
}

impl SearchTree {
    /// The tree that these bytes begin with.
    pub fn new(file: Bytes, layout: Layout) -> Self {
        let table_bits = (u32::BITS - layout.node_count.leading_zeros()).min(MAX_TABLE_BITS);
        let mut tree = Self { file, layout, table: Box::default(), table_bits };
        let zeros = if layout.ip_version == 6 { V4_DEPTH } else { 0 };
        let v4_root = tree.walk(0, (0..zeros).map(|_| 0));
        let mut table = vec![0; 1 << table_bits];
        tree.tabulate(v4_root, &mut table);
        tree.table = table.into();
        tree
    }

    /// The offset in the data section of the record of an address.
    pub fn find(&self, address: IpAddr) -> Option<usize> {
        let end = match address {
            IpAddr::V4(v4) => {
                let bits = v4.to_bits() as usize;
                let below_table = u32::BITS - self.table_bits;
                self.walk(self.table[bits >> below_table], (0..below_table).rev().map(|at| bits >> at & 1))
            }
            IpAddr::V6(_) if self.layout.ip_version == 4 => return None,
            IpAddr::V6(v6) => {
                let bits = v6.to_bits();
                self.walk(0, (0..128).rev().map(|at| (bits >> at & 1) as usize))
            }
        };
        // The node count itself stands for "no record"; a node reached at the end of the address is a damaged tree.
        (end as usize).checked_sub(self.layout.node_count as usize + SEPARATOR_BYTES)
    }

    /// Goes down from a node by these bits, and stops where the tree ends.
    fn walk(&self, from: u32, bits: impl Iterator<Item = usize>) -> u32 {
        let mut node = from;
        for bit in bits {
            if node >= self.layout.node_count {
                break;
            }
            node = self.child(node, bit);
        }
        node
    }

    /// Writes to the table where each path of the bits that index it ends.
    fn tabulate(&self, node: u32, table: &mut [u32]) {
        if node >= self.layout.node_count || table.len() == 1 {
            return table.fill(node);
        }
        let (left, right) = table.split_at_mut(table.len() / 2);
        self.tabulate(self.child(node, 0), left);
        self.tabulate(self.child(node, 1), right);
    }

    /// The left (0) or right (1) record of a node; a node beyond the file's end has none.
    fn child(&self, node: u32, bit: usize) -> u32 {
        let bytes = usize::from(self.layout.record_bits / 4);
        let start = node as usize * bytes;
        let Some(node) = self.file.get(start..start + bytes) else {
            return self.layout.node_count;
        };
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        match (bytes, bit) {
            (7, 0) => u32::from(node[3] >> 4) << 24 | number(&node[..3]),
            (7, _) => u32::from(node[3] & 0xf) << 24 | number(&node[4..]),
            (_, 0) => number(&node[..bytes / 2]),
            _ => number(&node[bytes / 2..]),
        }
    }
}
