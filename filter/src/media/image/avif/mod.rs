//! AVIF, its still picture: container by us, AV1 by rav1d, colour by yuv.

mod boxes;
mod container;
mod planes;
mod property;

use super::ConvertError;
use super::encode::Nature;
use super::limits;
use super::orient::Orientation;
use super::pixels::{Layout, Pixels};
use super::still::Still;
use container::{Coded, Container};
use planes::Planes;
use property::Property;

/// Decodes.
///
/// # Errors
/// When the file is broken, beyond the limits, or has what is not supported (cropping, sequences without a still).
pub fn decode(input: &[u8]) -> Result<Still, ConvertError> {
    let container = Container::read(input)?;
    let primary = container.primary();
    let (width, height) = container.size(primary)?;
    limits::check(width, height)?;
    let colour = Colour::of(&container, primary);
    let mut pixels = rgb(&container, primary, &colour)?;
    if let Some(alpha) = alpha(&container, primary)? {
        pixels = with_alpha(&pixels, &alpha, container.is_premultiplied(primary))?;
    }
    // Part of the picture itself: applied whatever is wished, and what EXIF says does not count.
    let (mut quarters, mut axis) = (0, None);
    for property in container.properties(primary) {
        match property {
            Property::Rotation(told) => quarters = told,
            Property::Mirror(told) => axis = Some(told),
            _ => {}
        }
    }
    let mut still = Still::new(Orientation::from_heif(quarters, axis).apply(pixels), Nature::Photo);
    still.profile = colour.profile;
    Ok(still)
}

/// How colours are coded, as far as the container tells; else the AV1 data does.
pub struct Colour {
    profile: Option<Vec<u8>>,
    /// Matrix, and whether the range is full.
    coding: Option<(u16, bool)>,
}

impl Colour {
    fn of(container: &Container<'_>, id: u32) -> Self {
        let mut this = Self { profile: None, coding: None };
        let mut primaries = None;
        for property in container.properties(id) {
            match property {
                Property::Icc(icc, _) if icc.len() <= limits::MAX_ICC_BYTES => this.profile = Some(icc.to_vec()),
                Property::Nclx(told, transfer, matrix, is_full) => {
                    this.coding = Some((matrix, is_full));
                    primaries = Some((told, transfer));
                }
                _ => {}
            }
        }
        // Display P3 with the transfer of sRGB or BT.709: what phones write. HDR is shown as it is, as sharp does.
        if this.profile.is_none() && matches!(primaries, Some((12, 1 | 2 | 13))) {
            this.profile = moxcms::ColorProfile::new_display_p3().encode().ok();
        }
        this
    }
}

fn rgb(container: &Container<'_>, id: u32, colour: &Colour) -> Result<Pixels, ConvertError> {
    match container.coded(id)? {
        Coded::Av1(data) => planes::decode(&data, container.size(id)?)?.to_rgb(colour.coding),
        Coded::Grid { columns, size, tiles } => {
            let mut canvas = Pixels::new(size.0, size.1, Layout::Rgb)?;
            let mut place = Grid::new(size, columns);
            for tile in tiles {
                let tile = place.decode(container, tile)?.to_rgb(colour.coding)?;
                place.put(&tile.data, &mut canvas.data, 3, (tile.width, tile.height))?;
            }
            Ok(canvas)
        }
    }
}

/// The luminance of an item, in full range: alpha.
struct Grey {
    size: (u32, u32),
    data: Vec<u8>,
}

/// The alpha channel of an item, or the one that its tiles have, each for itself.
fn alpha(container: &Container<'_>, id: u32) -> Result<Option<Grey>, ConvertError> {
    if let Some(alpha) = container.alpha_of(id) {
        return match container.coded(alpha)? {
            Coded::Av1(data) => {
                let planes = planes::decode(&data, container.size(alpha)?)?;
                Ok(Some(Grey { size: planes.size(), data: planes.to_grey() }))
            }
            Coded::Grid { columns, size, tiles } => grey(container, columns, size, &tiles).map(Some),
        };
    }
    let Coded::Grid { columns, size, tiles } = container.coded(id)? else { return Ok(None) };
    let tiles: Option<Vec<u32>> = tiles.iter().map(|&tile| container.alpha_of(tile)).collect();
    tiles.map(|tiles| grey(container, columns, size, &tiles)).transpose()
}

fn grey(container: &Container<'_>, columns: usize, size: (u32, u32), tiles: &[u32]) -> Result<Grey, ConvertError> {
    let mut data = vec![0; limits::buffer_len(size.0, size.1, 1)?];
    let mut place = Grid::new(size, columns);
    for &tile in tiles {
        let tile = place.decode(container, tile)?;
        place.put(&tile.to_grey(), &mut data, 1, tile.size())?;
    }
    Ok(Grey { size, data })
}

/// Where the next tile goes.
struct Grid {
    size: (u32, u32),
    columns: usize,
    tile: Option<(u32, u32)>,
    count: usize,
    /// Pixels that tiles may still have: they cover the canvas, and not much more.
    left: u64,
}

impl Grid {
    fn new(size: (u32, u32), columns: usize) -> Self {
        let area = u64::from(size.0) * u64::from(size.1);
        Self { size, columns, tile: None, count: 0, left: area.saturating_mul(4).max(1 << 20) }
    }

    fn decode(&mut self, container: &Container<'_>, id: u32) -> Result<Planes, ConvertError> {
        let Coded::Av1(data) = container.coded(id)? else { return Err(ConvertError::Broken) };
        let size = container.size(id)?;
        let area = u64::from(size.0) * u64::from(size.1);
        self.left = self.left.checked_sub(area).ok_or(ConvertError::TooLarge)?;
        planes::decode(&data, size)
    }

    /// Puts a tile on the canvas. All have one size, and the last may reach beyond it.
    fn put(&mut self, tile: &[u8], canvas: &mut [u8], channels: usize, size: (u32, u32)) -> Result<(), ConvertError> {
        if *self.tile.get_or_insert(size) != size {
            return Err(ConvertError::Broken);
        }
        let (width, height) = (size.0 as usize, size.1 as usize);
        let (left, top) = (self.count % self.columns * width, self.count / self.columns * height);
        self.count += 1;
        let visible = width.min((self.size.0 as usize).saturating_sub(left)) * channels;
        let rows = canvas.chunks_exact_mut(self.size.0 as usize * channels).skip(top);
        for (target, source) in rows.zip(tile.chunks_exact((width * channels).max(1))) {
            let target = target.get_mut(left * channels..).unwrap_or_default();
            for (target, &source) in target.iter_mut().zip(source).take(visible) {
                *target = source;
            }
        }
        Ok(())
    }
}

fn with_alpha(pixels: &Pixels, alpha: &Grey, is_premultiplied: bool) -> Result<Pixels, ConvertError> {
    if alpha.size != (pixels.width, pixels.height) {
        return Err(ConvertError::Unsupported);
    }
    let original = |value: u8, alpha: u8| match alpha {
        0 => 0,
        _ if is_premultiplied => {
            u8::try_from((u32::from(value) * 255 + u32::from(alpha) / 2) / u32::from(alpha)).unwrap_or(u8::MAX)
        }
        _ => value,
    };
    let pairs = pixels.data.as_chunks::<3>().0.iter().zip(&alpha.data);
    let data = pairs.flat_map(|(&[r, g, b], &a)| [original(r, a), original(g, a), original(b, a), a]).collect();
    Pixels::from_data(pixels.width, pixels.height, Layout::Rgba, data)
}
