//! Chroma with care, but where it shows only.
//!
//! WebP keeps one chroma for each block of 2 x 2 pixels. Where saturated colours meet inside a block, its average changes how bright each pixel is, and that
//! shows as fringes: 3 to 6 points of ssimulacra2 on drawings. libwebp's "sharp YUV" searches the whole picture for the best luma and chroma, at half of the
//! encoder's time. Here only those blocks are looked at: their pixels get the chroma of the block, and the luma by which they look as bright as before.

mod light;

use self::light::{Colour, LIGHT, Light, add, chroma, clamp, luma};
use super::pixels::{Layout, Pixels};

/// How far apart the colours of a block are when averaging them shows: of 510.
const APART: i32 = 24;

/// Makes the pixels of a block alike in chroma, where they are far apart. A last column or row that is alone stays as it is.
pub fn settle(pixels: &mut Pixels) {
    let width = pixels.width as usize;
    match pixels.layout {
        Layout::Rgb => settle_by::<3>(pixels.data.as_chunks_mut().0, width),
        Layout::Rgba => settle_by::<4>(pixels.data.as_chunks_mut().0, width),
        Layout::Cmyk => {}
    }
}

fn settle_by<const N: usize>(pixels: &mut [[u8; N]], width: usize) {
    let across = width / 2;
    if across == 0 {
        return;
    }
    let light = &*LIGHT;
    let mut plane = Plane { blocks: Vec::with_capacity(pixels.len() / 4), across };
    plane
        .blocks
        .extend(pixels.chunks_exact(width * 2).flat_map(|rows| quads(rows, width).map(|quad| Block::of(light, &quad))));
    if !plane.blocks.iter().any(|block| block.is_apart) {
        return;
    }
    let refined = pixels.chunks_exact(width * 2).enumerate().flat_map(|(y, rows)| {
        let plane = &plane;
        quads(rows, width).enumerate().filter_map(move |(x, quad)| plane.refined(light, (x, y), &quad))
    });
    // All are refined by what was there before.
    for (at, chroma) in refined.collect::<Vec<_>>() {
        if let Some(block) = plane.blocks.get_mut(at) {
            block.chroma = chroma;
        }
    }
    for (y, rows) in pixels.chunks_exact_mut(width * 2).enumerate() {
        for x in 0..across {
            let Some(own) = plane.blocks.get(y * across + x).filter(|block| block.is_apart) else { continue };
            for (below, row) in rows.chunks_exact_mut(width).enumerate() {
                for (right, pixel) in row.iter_mut().skip(x * 2).take(2).enumerate() {
                    correct(light, pixel, own.chroma, plane.shown((x, y), own, below * 2 + right));
                }
            }
        }
    }
}

/// The blocks of two rows.
fn quads<const N: usize>(rows: &[[u8; N]], width: usize) -> impl Iterator<Item = [[u8; N]; 4]> {
    let (upper, lower) = rows.split_at(width);
    upper.as_chunks().0.iter().zip(lower.as_chunks().0).map(|(&[a, b], &[c, d])| [a, b, c, d])
}

/// What is known of a block.
#[derive(Clone, Copy, Default)]
struct Block {
    /// What the file will tell of it.
    chroma: Colour,
    /// The average of its colours.
    average: Colour,
    is_apart: bool,
    is_visible: bool,
}

impl Block {
    fn of<const N: usize>(light: &Light, quad: &[[u8; N]; 4]) -> Self {
        let (mut low, mut high) = ([i32::MAX; 2], [i32::MIN; 2]);
        let (mut sum, mut seen) = ([0; 3], 0);
        for colour in quad.iter().filter_map(visible) {
            let [r, g, b] = colour;
            seen += 1;
            sum = add(sum, colour);
            low = [low[0].min(r - g), low[1].min(b - g)];
            high = [high[0].max(r - g), high[1].max(b - g)];
        }
        if seen == 0 {
            return Self::default();
        }
        let is_apart = (high[0] - low[0]).max(high[1] - low[1]) > APART;
        let average = if is_apart {
            // As light adds up.
            let linear = quad.iter().filter_map(visible).map(|colour| colour.map(|value| light.linear(value)));
            linear.fold([0; 3], add).map(|sum| light.gamma(sum / seen))
        } else {
            sum.map(|sum| sum / seen)
        };
        Self { chroma: chroma(average), average, is_apart, is_visible: true }
    }
}

/// The blocks of a picture, row by row.
struct Plane {
    blocks: Vec<Block>,
    across: usize,
}

impl Plane {
    /// What a decoder makes of chroma at one of the four pixels of a block: nine parts of its own, three of each neighbour, one of the third.
    fn shown(&self, (x, y): (usize, usize), own: &Block, at: usize) -> Colour {
        let beside = |of: usize, is_after: bool| if is_after { Some(of + 1) } else { of.checked_sub(1) };
        let beside_x = beside(x, at % 2 == 1).filter(|&x| x < self.across);
        let beside_y = beside(y, at >= 2);
        let of = |x: Option<usize>, y: Option<usize>| {
            let block = x.zip(y).and_then(|(x, y)| self.blocks.get(y * self.across + x));
            block.filter(|block| block.is_visible).unwrap_or(own).chroma
        };
        let (side, over, third) = (of(beside_x, Some(y)), of(Some(x), beside_y), of(beside_x, beside_y));
        let sides = add(side, over).map(|value| value * 3);
        add(add(own.chroma.map(|value| value * 9), sides), third).map(|sum| (sum + 8) >> 4)
    }

    /// Where the block is among all, and the chroma with which it shows the average of its colours. Nothing where it stays as it is.
    fn refined<const N: usize>(
        &self,
        light: &Light,
        (x, y): (usize, usize),
        quad: &[[u8; N]; 4],
    ) -> Option<(usize, Colour)> {
        let place = y * self.across + x;
        let own = self.blocks.get(place).filter(|block| block.is_apart)?;
        let (mut sum, mut seen) = ([0; 3], 0);
        for (at, colour) in quad.iter().enumerate().filter_map(|(at, pixel)| Some((at, visible(pixel)?))) {
            let shown = self.shown((x, y), own, at);
            let luma = light.settled_luma(colour, shown);
            sum = add(sum, shown.map(|value| light.linear(clamp(luma + value))));
            seen += 1;
        }
        let got = sum.map(|sum| light.gamma(sum / seen.max(1)));
        Some((place, add(own.chroma, chroma(add(own.average, got.map(|value| -value))))))
    }
}

/// The colour of a pixel that is seen.
fn visible<const N: usize>(pixel: &[u8; N]) -> Option<Colour> {
    let [r, g, b, rest @ ..] = pixel.as_slice() else { return None };
    if rest.first() == Some(&0) { None } else { Some([r, g, b].map(|&value| i32::from(value))) }
}

/// Gives a pixel this chroma, and the luma with which it is as bright as before.
fn correct<const N: usize>(light: &Light, pixel: &mut [u8; N], chroma: Colour, shown: Colour) {
    let Some(colour) = visible(pixel) else { return };
    let wanted = light.settled_luma(colour, shown);
    let mut settled = chroma.map(|value| clamp(wanted + value));
    // Where a channel ends, the others make up for it: luma matters more.
    for _ in 0..2 {
        let missing = wanted - luma(settled);
        settled = settled.map(|value| clamp(value + missing));
    }
    for (value, settled) in pixel.iter_mut().zip(settled) {
        *value = u8::try_from(settled).unwrap_or(u8::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(layout: Layout, width: u32, data: Vec<u8>) -> Vec<u8> {
        let height = u32::try_from(data.len()).unwrap() / layout.channels() / width;
        let mut pixels = Pixels::from_data(width, height, layout, data).unwrap();
        settle(&mut pixels);
        pixels.data
    }

    #[test]
    fn plain_areas_grey_and_edges_between_blocks_stay() {
        let edge = [[255, 0, 0], [255, 0, 0], [9, 9, 9], [9, 9, 9]].repeat(4).concat();
        let grey = [[255; 3], [0; 3]].repeat(8).concat();
        for data in [edge, grey] {
            assert_eq!(settled(Layout::Rgb, 4, data.clone()), data);
        }
    }

    #[test]
    fn the_pixels_of_a_block_become_alike_in_chroma() {
        let data = settled(Layout::Rgb, 2, [[200, 60, 60], [90, 90, 90]].repeat(2).concat());
        let [red, grey, ..] = data.as_chunks::<3>().0 else { panic!() };
        let chroma = |pixel: &[u8; 3]| i32::from(pixel[0]) - i32::from(pixel[1]);
        assert!((chroma(red) - chroma(grey)).abs() < 3, "{data:?}");
        assert!((30..110).contains(&chroma(red)), "{data:?}");
    }

    #[test]
    fn what_is_not_seen_stays_and_does_not_count() {
        let data = [[255, 0, 0, 255], [0, 255, 0, 0]].repeat(2).concat();
        assert_eq!(settled(Layout::Rgba, 2, data.clone()), data);
        // Nor is alpha touched.
        let data = settled(Layout::Rgba, 2, [[255, 0, 0, 9], [0, 255, 0, 200]].repeat(2).concat());
        assert!(data.as_chunks::<4>().0.iter().map(|pixel| pixel[3]).eq([9, 200, 9, 200]), "{data:?}");
    }

    #[test]
    fn any_size_and_any_colour() {
        let side = super::super::limits::MAX_OUTPUT_SIDE;
        let small = (1..6).flat_map(|width| (1..6).map(move |height| (width, height)));
        for (width, height) in small.chain([(side, 1), (1, side), (side, 3), (3, side)]) {
            for layout in [Layout::Rgb, Layout::Rgba] {
                let len = width * height * layout.channels();
                let noise = (0..len).map(|at| (at * 77 % 256) as u8).collect();
                // Channels that are full or empty, alpha too.
                let extreme = (0..len).map(|at| if at.wrapping_mul(2_654_435_761) >> 31 == 0 { 0 } else { 255 });
                for data in [noise, extreme.collect::<Vec<u8>>()] {
                    let before = data.clone();
                    let after = settled(layout, width, data);
                    assert!(after == before || (width > 1 && height > 1), "{width} x {height}");
                }
            }
        }
    }

    #[test]
    fn a_column_or_row_that_is_alone_stays() {
        let data: Vec<u8> = (0..5 * 3 * 3).map(|at: u32| (at * 77 % 256) as u8).collect();
        let after = settled(Layout::Rgb, 5, data.clone());
        assert_eq!(after[2 * 15..], data[2 * 15..]);
        assert_eq!((&after[12..15], &after[27..30]), (&data[12..15], &data[27..30]));
    }
}
