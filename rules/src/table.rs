//! A bounded table in the order of insertion, looked up by bytes without allocating.

use ahash::RandomState;
use hashbrown::HashTable;

const NONE: u32 = u32::MAX;

/// Keys with values, oldest insertion first. Inserting a key again makes it the newest.
#[derive(Clone, Debug)]
pub(crate) struct OrderedTable<V> {
    index: HashTable<u32>,
    slots: Vec<Slot<V>>,
    free: Vec<u32>,
    oldest: u32,
    newest: u32,
    /// Bytes of all keys.
    key_bytes: usize,
    hasher: RandomState,
}

#[derive(Clone, Debug)]
struct Slot<V> {
    key: Box<[u8]>,
    value: V,
    older: u32,
    newer: u32,
}

impl<V> Default for OrderedTable<V> {
    fn default() -> Self {
        Self {
            index: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            oldest: NONE,
            newest: NONE,
            key_bytes: 0,
            hasher: RandomState::new(),
        }
    }
}

impl<V> OrderedTable<V> {
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Bytes of all keys together.
    pub(crate) fn key_bytes(&self) -> usize {
        self.key_bytes
    }

    fn find(&self, key: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        let is_equal = |&at: &u32| self.slot(at).is_some_and(|slot| *slot.key == *key);
        self.index.find(hash, is_equal).copied()
    }

    fn slot(&self, at: u32) -> Option<&Slot<V>> {
        self.slots.get(at as usize)
    }

    fn slot_mut(&mut self, at: u32) -> Option<&mut Slot<V>> {
        self.slots.get_mut(at as usize)
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&V> {
        self.find(key)
            .and_then(|at| self.slot(at))
            .map(|slot| &slot.value)
    }

    pub(crate) fn get_mut(&mut self, key: &[u8]) -> Option<&mut V> {
        let at = self.find(key)?;
        self.slot_mut(at).map(|slot| &mut slot.value)
    }

    /// The value whose key was inserted first.
    pub(crate) fn oldest(&self) -> Option<&V> {
        self.slot(self.oldest).map(|slot| &slot.value)
    }

    /// Keys and values, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &V)> {
        let mut at = self.oldest;
        std::iter::from_fn(move || {
            let slot = self.slot(at)?;
            at = slot.newer;
            Some((&*slot.key, &slot.value))
        })
    }

    pub(crate) fn insert(&mut self, key: &[u8], value: V) {
        self.remove(key);
        let slot = Slot {
            key: key.into(),
            value,
            older: self.newest,
            newer: NONE,
        };
        let at = match self.free.pop() {
            Some(at) => {
                if let Some(cell) = self.slot_mut(at) {
                    *cell = slot;
                }
                at
            }
            None => {
                let Ok(at) = u32::try_from(self.slots.len()) else {
                    return;
                };
                self.slots.push(slot);
                at
            }
        };
        match self.newest {
            NONE => self.oldest = at,
            newest => {
                if let Some(slot) = self.slot_mut(newest) {
                    slot.newer = at;
                }
            }
        }
        self.newest = at;
        self.key_bytes += key.len();
        let hash = self.hasher.hash_one(key);
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.insert_unique(hash, at, |&at| {
            slots
                .get(at as usize)
                .map_or(0, |slot| hasher.hash_one(&*slot.key))
        });
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        let hash = self.hasher.hash_one(key);
        let slots = &self.slots;
        let is_equal = |&at: &u32| slots.get(at as usize).is_some_and(|slot| *slot.key == *key);
        let Ok(entry) = self.index.find_entry(hash, is_equal) else {
            return false;
        };
        let (at, _) = entry.remove();
        self.unlink(at);
        true
    }

    pub(crate) fn remove_oldest(&mut self) {
        let Some(key) = self.slot(self.oldest).map(|slot| slot.key.clone()) else {
            return;
        };
        self.remove(&key);
    }

    fn unlink(&mut self, at: u32) {
        let Some((older, newer)) = self.slot(at).map(|slot| (slot.older, slot.newer)) else {
            return;
        };
        match self.slot_mut(older) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
        match self.slot_mut(newer) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
        if let Some(slot) = self.slot_mut(at) {
            let key = std::mem::take(&mut slot.key);
            self.key_bytes -= key.len();
        }
        self.free.push(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_that_of_the_last_insertion() {
        let mut table = OrderedTable::default();
        for key in ["a", "b", "c", "a"] {
            table.insert(key.as_bytes(), key);
        }
        assert_eq!(
            table.iter().map(|(_, value)| *value).collect::<Vec<_>>(),
            ["b", "c", "a"]
        );
        table.remove_oldest();
        assert!(table.remove(b"a"));
        assert!(!table.remove(b"a"));
        table.insert(b"d", "d");
        assert_eq!(
            table.iter().map(|(_, value)| *value).collect::<Vec<_>>(),
            ["c", "d"]
        );
        assert_eq!((table.len(), table.oldest()), (2, Some(&"c")));
        assert_eq!(table.get(b"d"), Some(&"d"));
    }
}
