//! When to read again what could not be read whole.

/// How many looks lie between two tries at most, as a power of two.
const MAX_DOUBLINGS: u32 = 6;

/// Tries of one shell that were not complete, less and less often.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patience {
    tries: u32,
    /// Since the last try.
    looks: u32,
}

impl Patience {
    /// After the first try of a shell.
    pub(super) fn first(&mut self) {
        *self = Self { tries: 1, looks: 0 };
    }

    /// After a try that is not the first.
    pub(super) fn again(&mut self) {
        *self = Self { tries: self.tries.saturating_add(1), looks: 0 };
    }

    /// At a look at the shell that has not changed. Whether it is time for another try.
    pub(super) fn is_over(&mut self) -> bool {
        self.looks = self.looks.saturating_add(1);
        self.looks >= 1 << self.tries.saturating_sub(1).min(MAX_DOUBLINGS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_and_less_often() {
        let mut patience = Patience::default();
        patience.first();
        let mut looks = Vec::new();
        for _ in 0..9 {
            looks.push((1..).find(|_| patience.is_over()).unwrap());
            patience.again();
        }
        assert_eq!(looks, [1, 2, 4, 8, 16, 32, 64, 64, 64]);
        patience.first();
        assert!(patience.is_over());
    }
}
