//! Random numbers that are the same on every machine for the same seed (SplitMix64).

/// A source of random choices.
pub(crate) struct Random(u64);

impl Random {
    /// The source of case `number` of a run.
    pub(crate) fn of_case(seed: u64, number: u64) -> Self {
        let mut random = Self(seed ^ number.wrapping_mul(0xA076_1D64_78BD_642F));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap_or(0)
    }

    /// A number between both, which may be hit.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// True in that many of a hundred cases.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of them.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// A few of them, each at most once, with something between.
    pub(crate) fn some(&mut self, from: &[&str], most: usize, between: &str) -> String {
        let count = self.between(1, most);
        let start = self.below(from.len());
        let chosen: Vec<&str> = (0..count.min(from.len()))
            .map(|n| from[(start + n) % from.len()])
            .collect();
        chosen.join(between)
    }
}
