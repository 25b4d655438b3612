//! Chance, as the processes of a day need it. Numbers are drawn with four digits behind the point, so that lines stay short.

use fastrand::Rng;

use crate::moment::Moment;

/// One process's source of chance.
pub(super) struct Dice(Rng);

impl Dice {
    /// Chance that follows from the day's seed and the name of who draws.
    pub(super) fn new(seed: u64, name: &str) -> Self {
        // FNV-1a: the standard hashers may change between releases of Rust, and with them every day.
        let hash =
            name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(Rng::with_seed(hash ^ seed))
    }

    /// A number from `low` to `high`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        rounded(low + (high - low) * self.0.f64(), 4)
    }

    /// A whole number from `low` to `high`, both included.
    pub(super) fn count(&mut self, low: u32, high: u32) -> u32 {
        self.0.u32(low..=high)
    }

    /// True in `share` (0 to 1) of the cases.
    pub(super) fn chance(&mut self, share: f64) -> bool {
        self.0.f64() < share
    }

    /// One of `choices`, of which there is at least one.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.0.usize(..choices.len())]
    }

    /// 128 random bits.
    pub(super) fn bits(&mut self) -> u128 {
        self.0.u128(..)
    }
}

/// The number with this many digits behind the point.
pub(super) fn rounded(number: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (number * scale).round() / scale
}

/// Something that happens on the best of days, but seldom. The gap between two has a lower bound, where mere chance would
/// now and then bring enough at once to look like a fault; the first comes within minutes, so that short runs show it too.
pub(super) struct Seldom {
    next: Moment,
    gap: (f64, f64),
}

impl Seldom {
    /// First within 10 to 40 minutes after `begin`, then `gap` (least, most) hours apart.
    pub(super) fn new(begin: Moment, dice: &mut Dice, gap: (f64, f64)) -> Self {
        let next = begin.plus(dice.between(600.0, 2400.0));
        Self { next, gap }
    }

    /// Whether it happens now; if so, the next one is planned.
    pub(super) fn happens(&mut self, now: Moment, dice: &mut Dice) -> bool {
        let due = now >= self.next;
        if due {
            let (least, most) = self.gap;
            self.next = now.plus(3600.0 * dice.between(least, most));
        }
        due
    }
}
