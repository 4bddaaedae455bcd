//! A resize for reference: Lanczos of three lobes, in floating point, with alpha premultiplied.

use std::f64::consts::PI;

/// Four channels, each 0 to 1, colours premultiplied.
pub struct Planes {
    pub width: usize,
    pub height: usize,
    pub data: Vec<[f64; 4]>,
}

impl Planes {
    /// Of RGBA with 8 bits.
    pub fn new(width: usize, height: usize, rgba: &[u8]) -> Self {
        let data = rgba.as_chunks::<4>().0.iter().map(|pixel| {
            let [r, g, b, a] = pixel.map(|value| f64::from(value) / 255.0);
            [r * a, g * a, b * a, a]
        });
        Self { width, height, data: data.collect() }
    }

    /// In another size.
    pub fn resized(&self, (width, height): (usize, usize)) -> Self {
        if (width, height) == (self.width, self.height) {
            return Self { width, height, data: self.data.clone() };
        }
        let narrow = self.narrowed(width).turned();
        narrow.narrowed(height).turned()
    }

    fn narrowed(&self, width: usize) -> Self {
        let taps: Vec<_> = (0..width).map(|at| taps(at, self.width, width)).collect();
        let rows = self.data.chunks(self.width.max(1));
        let data = rows.flat_map(|row| {
            taps.iter().map(|(first, weights)| {
                let mut sum = [0.0; 4];
                for (weight, pixel) in weights.iter().zip(row.iter().skip(*first)) {
                    for (sum, value) in sum.iter_mut().zip(pixel) {
                        *sum += weight * value;
                    }
                }
                sum
            })
        });
        Self { width, height: self.height, data: data.collect() }
    }

    fn turned(&self) -> Self {
        let columns = 0..self.width;
        let data = columns.flat_map(|x| self.data.iter().skip(x).step_by(self.width.max(1)).copied());
        Self { width: self.height, height: self.width, data: data.collect() }
    }
}

/// The first pixel that counts, and what each counts.
fn taps(at: usize, from: usize, to: usize) -> (usize, Vec<f64>) {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let centre = (at as f64 + 0.5) * scale;
    let first = (centre - 3.0 * stretch).floor().max(0.0) as usize;
    let end = ((centre + 3.0 * stretch).ceil() as usize).min(from);
    let weights: Vec<f64> = (first..end).map(|x| lanczos((x as f64 + 0.5 - centre) / stretch)).collect();
    let sum: f64 = weights.iter().sum();
    (first, weights.into_iter().map(|weight| weight / sum).collect())
}

fn lanczos(x: f64) -> f64 {
    if x.abs() < 1e-9 {
        1.0
    } else if x.abs() < 3.0 {
        3.0 * (PI * x).sin() * (PI * x / 3.0).sin() / (PI * x).powi(2)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_area_stays_plain_and_a_ramp_a_ramp() {
        let plain = Planes::new(9, 7, &[255, 51, 0, 255].repeat(63)).resized((4, 3));
        assert_eq!((plain.width, plain.height, plain.data.len()), (4, 3, 12));
        assert!(plain.data.iter().all(|pixel| (pixel[0] - 1.0).abs() < 1e-9 && (pixel[1] - 0.2).abs() < 1e-9));
        let ramp: Vec<u8> = (0..32).flat_map(|x| [x * 4, 0, 0, 255]).collect();
        let ramp = Planes::new(32, 1, &ramp).resized((8, 1));
        assert!((ramp.data[4].first().unwrap() * 255.0 - 70.0).abs() < 1.0, "{:?}", ramp.data[4]);
    }
}
