//! Colours as numbers: their luma, and how bright they look.

use std::sync::LazyLock;

/// Red, green and blue of 0 to 255, or differences of such.
pub type Colour = [i32; 3];

/// BT.601, in 65536ths.
const WEIGHTS: [i32; 3] = [19595, 38470, 7471];
/// Steps of linear light. Times 65536, they fit 32 bits.
const STEPS: i32 = 4096;
/// How often luma is corrected at most.
const TURNS: usize = 2;

/// The sum of two.
pub fn add(a: Colour, b: Colour) -> Colour {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

/// A value within 0 to 255.
pub fn clamp(value: i32) -> i32 {
    value.clamp(0, 255)
}

/// Luma.
pub fn luma([r, g, b]: Colour) -> i32 {
    (r * WEIGHTS[0] + g * WEIGHTS[1] + b * WEIGHTS[2] + (1 << 15)) >> 16
}

/// A colour less its luma.
pub fn chroma(colour: Colour) -> Colour {
    let luma = luma(colour);
    colour.map(|value| value - luma)
}

/// IEC 61966-2-1, there and back.
pub struct Light {
    linear: [i16; 256],
    gamma: Vec<u8>,
}

/// The tables, made once.
pub static LIGHT: LazyLock<Light> = LazyLock::new(|| {
    let steps = f64::from(STEPS - 1);
    let linear = |value: f64| if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) };
    let gamma = |light: f64| if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
    let mut table = [0; 256];
    for (value, entry) in table.iter_mut().enumerate() {
        *entry = (linear(value as f64 / 255.0) * steps).round() as i16;
    }
    Light {
        linear: table,
        gamma: (0..STEPS).map(|step| (gamma(f64::from(step) / steps) * 255.0).round() as u8).collect(),
    }
});

impl Light {
    /// The light of a value of 0 to 255.
    pub fn linear(&self, value: i32) -> i32 {
        self.linear.get(usize::from(u8::try_from(value).unwrap_or(u8::MAX))).copied().map_or(0, i32::from)
    }

    /// The value of 0 to 255 that gives so much light.
    pub fn gamma(&self, light: i32) -> i32 {
        usize::try_from(light).ok().and_then(|at| self.gamma.get(at)).copied().map_or(255, i32::from)
    }

    /// How bright a colour looks: luma of its light, in steps of luma.
    pub fn brightness(&self, colour: Colour) -> i32 {
        self.gamma(luma(colour.map(|value| self.linear(value))))
    }

    /// The luma with which a colour is as bright as before where this chroma is shown.
    pub fn settled_luma(&self, colour: Colour, shown: Colour) -> i32 {
        let wanted = self.brightness(colour);
        let mut luma = luma(colour);
        for _ in 0..TURNS {
            let error = wanted - self.brightness(shown.map(|value| clamp(luma + value)));
            if error == 0 {
                break;
            }
            luma = clamp(luma + error);
        }
        luma
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_light_and_greys_are_their_own_brightness() {
        for value in 0..=255 {
            // The darkest values share steps.
            assert!((LIGHT.gamma(LIGHT.linear(value)) - value).abs() <= 2, "{value}");
            assert!((LIGHT.brightness([value; 3]) - value).abs() <= 2, "{value}");
            assert_eq!((luma([value; 3]), chroma([value; 3])), (value, [0; 3]));
        }
        assert_eq!((LIGHT.gamma(STEPS), LIGHT.gamma(-1), LIGHT.linear(256)), (255, 255, STEPS - 1));
    }

    #[test]
    fn luma_makes_up_for_another_chroma() {
        let (red, grey) = ([200, 60, 60], [0; 3]);
        let luma = LIGHT.settled_luma(red, grey);
        assert!((LIGHT.brightness([luma; 3]) - LIGHT.brightness(red)).abs() <= 1, "{luma}");
    }
}
