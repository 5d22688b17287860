//! A list with free places, whose entries are named by tokens.
//!
//! **Invariant:** a token names one entry only: not a later one in the same place.

/// Entries of type `T`.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Place<T> {
    /// How many entries have been here before.
    generation: u32,
    entry: Option<T>,
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Adds an entry and returns its token. Its low 32 bits are its place.
    pub(crate) fn insert(&mut self, entry: T) -> u64 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { generation: 0, entry: None });
            (self.places.len() - 1) as u32
        });
        let at = &mut self.places[place as usize];
        at.entry = Some(entry);
        token(at.generation, place)
    }

    /// The entry of this token, if it is still there.
    pub(crate) fn at(&self, token: u64) -> Option<&T> {
        self.place(token)?.entry.as_ref()
    }

    /// The entry of this token, if it is still there.
    pub(crate) fn at_mut(&mut self, token: u64) -> Option<&mut T> {
        let place = self.places.get_mut(token as u32 as usize)?;
        place.entry.as_mut().filter(|_| place.generation == (token >> 32) as u32)
    }

    /// Removes the entry of this token.
    pub(crate) fn remove(&mut self, token: u64) -> Option<T> {
        self.place(token)?;
        let place = &mut self.places[token as u32 as usize];
        let entry = place.entry.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(token as u32);
        Some(entry)
    }

    /// The token of the entry in this place, if there is one.
    pub(crate) fn token_at(&self, place: usize) -> Option<u64> {
        let at = self.places.get(place)?;
        at.entry.as_ref().map(|_| token(at.generation, place as u32))
    }

    /// All entries with their tokens.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.places.iter().zip(0..).filter_map(|(at, place)| {
            at.entry.as_ref().map(|entry| (token(at.generation, place), entry))
        })
    }

    fn place(&self, token: u64) -> Option<&Place<T>> {
        let place = self.places.get(token as u32 as usize)?;
        (place.generation == (token >> 32) as u32).then_some(place)
    }
}

fn token(generation: u32, place: u32) -> u64 {
    (u64::from(generation) << 32) | u64::from(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_outlives_its_entry_without_naming_another() {
        let mut slab = Slab::default();
        let first = slab.insert('a');
        let second = slab.insert('b');
        assert_eq!(slab.remove(first), Some('a'));
        let third = slab.insert('c');
        assert_eq!(third as u32, first as u32, "places are used again");
        assert_eq!((slab.at(first), slab.at(u64::MAX)), (None, None));
        assert_eq!((slab.remove(first), slab.remove(u64::MAX)), (None, None));
        assert_eq!(slab.at_mut(first), None);
        assert_eq!((slab.at(second), slab.at(third)), (Some(&'b'), Some(&'c')));
        assert_eq!(slab.token_at(0), Some(third));
        assert_eq!(slab.len(), 2);
        assert_eq!(slab.iter().count(), 2);
    }
}
