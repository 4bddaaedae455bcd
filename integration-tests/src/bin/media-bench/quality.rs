//! How near two pictures are to the original, resized without haste.

use ssimulacra2::{LinearRgb, compute_frame_ssimulacra2};
use xtask::error::{Context, Error, Result};

use crate::peer::Decoded;
use crate::resize::Planes;

/// Behind what is translucent.
const GREY: f64 = 0.5;
/// Of an animation, so many frames count.
const FRAMES: usize = 8;

/// ssimulacra2 of each; of an animation, the mean over some frames.
pub fn scores(original: &Decoded, results: [&Decoded; 2]) -> Result<[f64; 2]> {
    let mut sums = [0.0; 2];
    let animated = results.iter().all(|result| result.frames.len() == original.frames.len());
    if !animated && results.iter().any(|result| result.frames.len() != 1) {
        return Err(Error::new("the results have another number of frames than the original"));
    }
    let step = if animated { original.frames.len().div_ceil(FRAMES) } else { original.frames.len() };
    let chosen: Vec<usize> = (0..original.frames.len()).step_by(step.max(1)).collect();
    for &at in &chosen {
        let frame = |decoded: &Decoded| {
            let rgba = decoded.frames.get(at).map_or(&[][..], Vec::as_slice);
            Planes::new(decoded.width, decoded.height, rgba)
        };
        for (sum, result) in sums.iter_mut().zip(results) {
            let wanted = linear(&frame(original).resized((result.width, result.height)))?;
            let score = compute_frame_ssimulacra2(wanted, linear(&frame(result))?);
            *sum += score.context(|| "ssimulacra2".to_owned())?;
        }
    }
    Ok(sums.map(|sum| sum / chosen.len().max(1) as f64))
}

fn linear(planes: &Planes) -> Result<LinearRgb> {
    let data = planes
        .data
        .iter()
        .map(|&[r, g, b, a]| [r, g, b].map(|value| light((value + GREY * (1.0 - a)).clamp(0.0, 1.0)) as f32));
    LinearRgb::new(data.collect(), planes.width, planes.height).context(|| "ssimulacra2".to_owned())
}

/// IEC 61966-2-1.
fn light(value: f64) -> f64 {
    if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_best_and_noise_costs() {
        let rgba: Vec<u8> =
            (0..64 * 64_usize).flat_map(|at| [(at % 64 * 4) as u8, (at / 64 * 4) as u8, 90, 255]).collect();
        let noisy = rgba.iter().enumerate().map(|(at, &value)| value ^ (u8::from(at % 3 == 0 && at % 4 != 3) * 24));
        let decoded = |rgba| Decoded { width: 64, height: 64, frames: vec![rgba] };
        let (same, noisy) = (decoded(rgba.clone()), decoded(noisy.collect()));
        let [best, worse] = scores(&same, [&same, &noisy]).unwrap();
        assert!(best > 99.9 && worse < 90.0, "{best} {worse}");
    }
}
