//! A map that never holds more than a fixed number of entries: the least recently used goes first.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// A map of at most `capacity` entries.
pub struct BoundedMap<K, V> {
    entries: HashMap<K, (u64, V)>,
    /// The entries by the turn of their last use, oldest first.
    uses: BTreeMap<u64, K>,
    turn: u64,
    capacity: usize,
}

impl<K: Eq + Hash + Clone, V> BoundedMap<K, V> {
    /// An empty map of at most `capacity` entries, at least one.
    pub fn new(capacity: usize) -> Self {
        Self { entries: HashMap::new(), uses: BTreeMap::new(), turn: 0, capacity: capacity.max(1) }
    }

    /// Number of entries.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks whether it is empty")]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Puts `value` under `key`; answers what had to go for it, an older value of `key` included.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let turn = self.next_turn();
        self.uses.insert(turn, key.clone());
        if let Some((last, old)) = self.entries.insert(key, (turn, value)) {
            self.uses.remove(&last);
            return Some(old);
        }
        if self.entries.len() <= self.capacity {
            return None;
        }
        let (_, oldest) = self.uses.pop_first()?;
        self.entries.remove(&oldest).map(|(_, value)| value)
    }

    /// The value under `key`, which counts as a use.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let turn = self.next_turn();
        let (last, value) = self.entries.get_mut(key)?;
        self.uses.remove(last);
        self.uses.insert(turn, key.clone());
        *last = turn;
        Some(value)
    }

    /// All values, in no order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.values().map(|(_, value)| value)
    }

    /// Takes out the value under `key`.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (last, value) = self.entries.remove(key)?;
        self.uses.remove(&last);
        Some(value)
    }

    /// Takes out everything.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.uses.clear();
    }

    fn next_turn(&mut self) -> u64 {
        self.turn += 1;
        self.turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn least_recently_used_entry_goes_first() {
        let mut map = BoundedMap::new(2);
        assert_eq!(map.insert("a", 1), None);
        assert_eq!(map.insert("b", 2), None);
        assert_eq!(map.get_mut(&"a"), Some(&mut 1));
        assert_eq!(map.insert("c", 3), Some(2));
        assert_eq!(map.get_mut(&"b"), None);
        assert_eq!(map.len(), 2);
        assert_eq!(map.uses.len(), 2);
    }

    #[test]
    fn replacing_a_value_keeps_the_others() {
        let mut map = BoundedMap::new(2);
        map.insert("a", 1);
        map.insert("b", 2);
        assert_eq!(map.insert("a", 3), Some(1));
        assert_eq!(map.remove(&"b"), Some(2));
        assert_eq!(map.remove(&"b"), None);
        assert_eq!(map.uses.len(), 1);
    }
}
