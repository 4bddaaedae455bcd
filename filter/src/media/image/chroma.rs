//! Whether chroma has to be subsampled with care.
//!
//! WebP keeps one chroma for each block of 2 x 2 pixels. Where saturated colours meet inside blocks, averaging shows as fringes: care (libwebp's "sharp
//! YUV", or ours in `settle`) is worth 3 to 6 points of ssimulacra2, and half of the encoder's time. On photographs it is worth less than one.

use super::pixels::{Layout, Pixels};

/// How far apart the colours of a block are when averaging them shows: of 510.
const APART: u16 = 64;
/// One block of so many has to be. Drawings have one of 80 and more, photographs one of 10 000.
const ONE_OF: usize = 200;

/// Whether enough blocks have colours that are far apart.
#[must_use]
pub fn needs_care(pixels: &Pixels) -> bool {
    match pixels.layout {
        Layout::Rgb => count(pixels.data.as_chunks::<3>().0, pixels.width, |&[r, g, b]| [r, g, b, u8::MAX]),
        Layout::Rgba => count(pixels.data.as_chunks::<4>().0, pixels.width, |&rgba| rgba),
        Layout::Cmyk => false,
    }
}

fn count<T>(pixels: &[T], width: u32, rgba: impl Fn(&T) -> [u8; 4]) -> bool {
    let width = (width as usize).max(1);
    let mut blocks = 0;
    let mut apart = 0;
    for rows in pixels.chunks_exact(width * 2) {
        let (upper, lower) = rows.split_at(width);
        for ([a, b], [c, d]) in upper.as_chunks().0.iter().zip(lower.as_chunks().0) {
            blocks += 1;
            apart += usize::from(spread([a, b, c, d].map(&rgba)) > APART);
        }
    }
    apart * ONE_OF > blocks
}

/// The largest difference of red less green, or blue less green, between two visible pixels.
fn spread(block: [[u8; 4]; 4]) -> u16 {
    let (mut low, mut high) = ([u16::MAX; 2], [0; 2]);
    for [r, g, b, a] in block {
        if a != 0 {
            // From 0 to 510; grey is 255.
            let chroma = [r, b].map(|value| u16::from(value) + 255 - u16::from(g));
            low = [low[0].min(chroma[0]), low[1].min(chroma[1])];
            high = [high[0].max(chroma[0]), high[1].max(chroma[1])];
        }
    }
    high[0].saturating_sub(low[0]).max(high[1].saturating_sub(low[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: [u8; 4] = [255, 0, 0, 255];
    const GREY: [u8; 4] = [90, 90, 90, 255];

    fn pixels(colour: impl Fn(u32, u32) -> [u8; 4]) -> Pixels {
        let data = (0..64 * 64).flat_map(|at| colour(at % 64, at / 64)).collect();
        Pixels::from_data(64, 64, Layout::Rgba, data).unwrap()
    }

    #[test]
    fn saturated_edges_inside_blocks_need_care() {
        assert!(needs_care(&pixels(|x, _| if x < 31 { RED } else { GREY })));
        // Between blocks; in plain areas; in grey alone.
        assert!(!needs_care(&pixels(|x, _| if x < 32 { RED } else { GREY })));
        assert!(!needs_care(&pixels(|_, _| RED)));
        assert!(!needs_care(&pixels(|x, _| if x % 2 == 0 { GREY } else { [0, 0, 0, 255] })));
        // Few blocks only.
        assert!(!needs_care(&pixels(|x, y| if (x, y) == (1, 1) { RED } else { GREY })));
    }

    #[test]
    fn what_is_not_seen_does_not_count() {
        assert!(!needs_care(&pixels(|x, _| if x < 31 { RED } else { [0; 4] })));
    }

    #[test]
    fn any_size() {
        for (width, height) in [(1, 1), (1, 9), (9, 1), (3, 5)] {
            assert!(!needs_care(&Pixels::new(width, height, Layout::Rgb).unwrap()));
        }
    }
}
