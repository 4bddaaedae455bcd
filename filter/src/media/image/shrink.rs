//! Averaging while decoding: row by row, whole cells of pixels become one. A large picture is never in memory, and the resize that follows has less to do.

use super::ConvertError;
use super::limits;
use super::pixels::Pixels;

/// So that sums fit their numbers: 64 rows of 255 in 16 bits, cells of 64 x 64 times 255 times 255 in 32.
const MAX_FACTOR: u32 = 64;

/// Takes rows, and gives out a picture whose sides are a whole fraction of theirs.
pub struct Shrinker {
    size: (u32, u32),
    channels: usize,
    factor: usize,
    sums: Sums,
    /// Rows in `sums`.
    rows: usize,
    data: Vec<u8>,
}

/// The rows of a row of cells, added up.
enum Sums {
    Opaque(Vec<u16>),
    /// Colours times alpha, as what is transparent has none.
    Translucent(Vec<u32>),
}

impl Shrinker {
    /// Of rows of 1 (grey), 2 (grey, alpha), 3 or 4 channels.
    ///
    /// # Errors
    /// Beyond the limits.
    pub fn new(size: (u32, u32), channels: usize, factor: u32) -> Result<Self, ConvertError> {
        let factor = factor.clamp(1, MAX_FACTOR);
        let samples = size.0 as usize * channels;
        let (width, height) = (size.0.div_ceil(factor), size.1.div_ceil(factor));
        let len = limits::buffer_len(width, height, u32::try_from(channels).unwrap_or(4))?;
        Ok(Self {
            size,
            channels,
            factor: factor as usize,
            sums: match channels {
                2 | 4 => Sums::Translucent(vec![0; samples]),
                _ => Sums::Opaque(vec![0; samples]),
            },
            rows: 0,
            data: Vec::with_capacity(len),
        })
    }

    /// Takes the next row.
    pub fn push(&mut self, row: &[u8]) {
        match (&mut self.sums, self.channels) {
            (Sums::Opaque(sums), _) => sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += u16::from(value)),
            (Sums::Translucent(sums), 2) => add_translucent::<2>(sums, row),
            (Sums::Translucent(sums), _) => add_translucent::<4>(sums, row),
        }
        self.rows += 1;
        if self.rows == self.factor {
            self.end_cells();
        }
    }

    fn end_cells(&mut self) {
        let area = self.factor * std::mem::take(&mut self.rows);
        match (&mut self.sums, self.channels) {
            (Sums::Opaque(sums), 1) => end_opaque::<1>(sums, self.factor, area, &mut self.data),
            (Sums::Opaque(sums), _) => end_opaque::<3>(sums, self.factor, area, &mut self.data),
            (Sums::Translucent(sums), 2) => end_translucent::<2>(sums, self.factor, area, &mut self.data),
            (Sums::Translucent(sums), _) => end_translucent::<4>(sums, self.factor, area, &mut self.data),
        }
    }

    /// The picture, and the part of it that shows something: its last column and row may be of less than whole cells.
    ///
    /// # Errors
    /// When rows are missing.
    pub fn finish(mut self) -> Result<(Pixels, (f64, f64)), ConvertError> {
        if self.rows > 0 {
            self.end_cells();
        }
        let side = |side: u32| side.div_ceil(u32::try_from(self.factor).unwrap_or(1));
        let pixels = Pixels::from_channels(side(self.size.0), side(self.size.1), self.channels, self.data)?;
        let extent = |side: u32| f64::from(side) / self.factor as f64;
        Ok((pixels, (extent(self.size.0), extent(self.size.1))))
    }
}

fn add_translucent<const N: usize>(sums: &mut [u32], row: &[u8]) {
    for (sum, pixel) in sums.as_chunks_mut::<N>().0.iter_mut().zip(row.as_chunks::<N>().0) {
        let alpha = pixel.last().map_or(0, |&alpha| u32::from(alpha));
        if let (Some((last, colours)), Some((_, values))) = (sum.split_last_mut(), pixel.split_last()) {
            colours.iter_mut().zip(values).for_each(|(sum, &value)| *sum += u32::from(value) * alpha);
            *last += alpha;
        }
    }
}

fn end_opaque<const N: usize>(sums: &mut [u16], factor: usize, area: usize, data: &mut Vec<u8>) {
    let whole = 1.0 / area as f32;
    for cell in sums.as_chunks::<N>().0.chunks(factor) {
        let mut total = [0_u32; N];
        for pixel in cell {
            total.iter_mut().zip(pixel).for_each(|(total, &sum)| *total += u32::from(sum));
        }
        // The last cell of a row may be narrower.
        let share = if cell.len() == factor { whole } else { whole * factor as f32 / cell.len() as f32 };
        data.extend(total.map(|total| rounded(total as f32 * share)));
    }
    sums.fill(0);
}

fn end_translucent<const N: usize>(sums: &mut [u32], factor: usize, area: usize, data: &mut Vec<u8>) {
    for cell in sums.as_chunks::<N>().0.chunks(factor) {
        let mut total = [0_u32; N];
        for pixel in cell {
            total.iter_mut().zip(pixel).for_each(|(total, &sum)| *total += sum);
        }
        let alpha = total.last().map_or(0, |&alpha| alpha);
        let share = 1.0 / alpha.max(1) as f32;
        let mut pixel = total.map(|total| rounded(total as f32 * share));
        if let Some(last) = pixel.last_mut() {
            *last = rounded(alpha as f32 * factor as f32 / (area * cell.len()) as f32);
        }
        data.extend(pixel);
    }
    sums.fill(0);
}

/// A value of 0 to 255.
fn rounded(value: f32) -> u8 {
    (value + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::super::pixels::Layout;
    use super::*;

    fn shrunk(size: (u32, u32), channels: usize, factor: u32, data: &[u8]) -> (Pixels, (f64, f64)) {
        let mut shrinker = Shrinker::new(size, channels, factor).unwrap();
        data.chunks(size.0 as usize * channels).for_each(|row| shrinker.push(row));
        shrinker.finish().unwrap()
    }

    #[test]
    fn cells_are_averaged_and_the_last_may_be_smaller() {
        let (pixels, extent) = shrunk((3, 3), 1, 2, &[0, 4, 9, 8, 12, 11, 100, 200, 77]);
        assert_eq!((pixels.width, pixels.height, extent), (2, 2, (1.5, 1.5)));
        assert_eq!(pixels.data, [6, 6, 6, 10, 10, 10, 150, 150, 150, 77, 77, 77]);
    }

    #[test]
    fn plain_areas_stay_as_they_are() {
        for channels in 1..=4 {
            for factor in [2, 3, 5, 64, 1000] {
                for value in [1, 127, 254, 255] {
                    let (pixels, _) = shrunk((130, 67), channels, factor, &vec![value; 130 * 67 * channels]);
                    assert!(pixels.data.iter().all(|&v| v == value), "{channels} {factor} {value}");
                }
            }
        }
    }

    #[test]
    fn a_transparent_colour_does_not_bleed() {
        let (pixels, _) = shrunk((2, 1), 4, 2, &[200, 100, 50, 255, 255, 0, 255, 0]);
        assert_eq!((pixels.layout, &pixels.data[..]), (Layout::Rgba, &[200, 100, 50, 128][..]));
    }

    #[test]
    fn missing_rows_are_noticed() {
        let mut shrinker = Shrinker::new((4, 4), 3, 2).unwrap();
        shrinker.push(&[0; 12]);
        assert!(shrinker.finish().is_err());
    }
}
