//! The boxes of an AVIF (ISO/IEC 14496-12, 23008-12, AV1 Image File Format): which bytes are the picture, and what is to be done to it.
//!
//! Strict: what a writer must not do is refused. Nothing is copied, and every list is bounded.

use std::borrow::Cow;

use super::super::ConvertError::{self, Broken, TooLarge, Unsupported};
use super::super::limits;
use super::boxes::{Boxes, Bytes};
use super::property::{self, Property};

/// The parts of an AVIF.
pub struct Container<'a> {
    input: &'a [u8],
    primary: u32,
    items: Vec<Item>,
    locations: Vec<Location>,
    references: Vec<Reference>,
    properties: Vec<Property<'a>>,
    associations: Vec<(u32, Vec<usize>)>,
    idat: &'a [u8],
}

struct Item {
    id: u32,
    kind: [u8; 4],
}

struct Location {
    id: u32,
    in_idat: bool,
    /// Offset and length; 0 is to the end.
    extents: Vec<(u64, u64)>,
}

struct Reference {
    kind: [u8; 4],
    from: u32,
    to: Vec<u32>,
}

/// How a picture is stored.
pub enum Coded<'a> {
    /// AV1 data.
    Av1(Cow<'a, [u8]>),
    /// Tiles, row by row.
    Grid {
        /// Tiles in a row.
        columns: usize,
        /// Width and height of the whole.
        size: (u32, u32),
        /// The items of the tiles.
        tiles: Vec<u32>,
    },
}

impl<'a> Container<'a> {
    /// Reads the boxes.
    pub fn read(input: &'a [u8]) -> Result<Self, ConvertError> {
        let mut boxes = Boxes(input);
        if boxes.next()?.ok_or(Broken)?.0 != *b"ftyp" {
            return Err(Broken);
        }
        while let Some((kind, content)) = boxes.next()? {
            if kind == *b"meta" {
                return Self::read_meta(input, Bytes(content));
            }
        }
        // A sequence without a still picture.
        Err(Unsupported)
    }

    fn read_meta(input: &'a [u8], mut content: Bytes<'a>) -> Result<Self, ConvertError> {
        content.full()?;
        let mut boxes = Boxes(content.0);
        let (first, handler) = boxes.next()?.ok_or(Broken)?;
        if first != *b"hdlr" || handler.get(8..12) != Some(b"pict") {
            return Err(Broken);
        }
        let mut this = Self {
            input,
            primary: 0,
            items: Vec::new(),
            locations: Vec::new(),
            references: Vec::new(),
            properties: Vec::new(),
            associations: Vec::new(),
            idat: &[],
        };
        while let Some((kind, content)) = boxes.next()? {
            let mut content = Bytes(content);
            match &kind {
                b"pitm" => {
                    let (version, _) = content.full()?;
                    this.primary = content.id(version > 0)?;
                }
                b"iinf" => this.read_items(content)?,
                b"iloc" => this.read_locations(content)?,
                b"iref" => this.read_references(content)?,
                b"iprp" => this.read_properties(content.0)?,
                b"idat" => this.idat = content.0,
                b"hdlr" => return Err(Broken),
                _ => {}
            }
        }
        Ok(this)
    }

    fn read_items(&mut self, mut content: Bytes<'a>) -> Result<(), ConvertError> {
        let (version, _) = content.full()?;
        let _count = if version == 0 { u32::from(content.u16()?) } else { content.u32()? };
        let mut boxes = Boxes(content.0);
        while let Some((kind, entry)) = boxes.next()? {
            let mut entry = Bytes(entry);
            if kind != *b"infe" {
                continue;
            }
            let (version, _) = entry.full()?;
            if version < 2 {
                return Err(Unsupported);
            }
            let id = entry.id(version > 2)?;
            let _protection = entry.u16()?;
            bounded(&self.items, limits::MAX_AVIF_ITEMS)?;
            self.items.push(Item { id, kind: entry.array()? });
        }
        Ok(())
    }

    fn read_locations(&mut self, mut content: Bytes<'a>) -> Result<(), ConvertError> {
        let (version, _) = content.full()?;
        let sizes = content.u16()?;
        let size = |shift: u16| usize::from(sizes >> shift & 15);
        let count = if version < 2 { u32::from(content.u16()?) } else { content.u32()? };
        let mut total = 0;
        for _ in 0..count {
            let id = content.id(version > 1)?;
            let method = if version > 0 { content.u16()? & 15 } else { 0 };
            let _data_reference = content.u16()?;
            let base = content.uint(size(4))?;
            let extents = content.u16()?;
            total += usize::from(extents);
            if self.locations.len() >= limits::MAX_AVIF_ITEMS || total > limits::MAX_AVIF_ITEMS * 4 {
                return Err(TooLarge);
            }
            let mut location = Location { id, in_idat: method == 1, extents: Vec::new() };
            for _ in 0..extents {
                if version > 0 {
                    content.uint(size(0))?;
                }
                let offset = content.uint(size(12))?;
                let length = content.uint(size(8))?;
                location.extents.push((base.checked_add(offset).ok_or(Broken)?, length));
            }
            // Method 2, inside another item, is of no use for pictures.
            if method < 2 {
                self.locations.push(location);
            }
        }
        Ok(())
    }

    fn read_references(&mut self, mut content: Bytes<'a>) -> Result<(), ConvertError> {
        let (version, _) = content.full()?;
        let mut boxes = Boxes(content.0);
        while let Some((kind, entry)) = boxes.next()? {
            let mut entry = Bytes(entry);
            let from = entry.id(version > 0)?;
            let count = entry.u16()?;
            bounded(&self.references, limits::MAX_AVIF_ITEMS)?;
            let to = (0..count).map(|_| entry.id(version > 0)).collect::<Result<_, _>>()?;
            self.references.push(Reference { kind, from, to });
        }
        Ok(())
    }

    fn read_properties(&mut self, content: &'a [u8]) -> Result<(), ConvertError> {
        let mut boxes = Boxes(content);
        while let Some((kind, content)) = boxes.next()? {
            match &kind {
                b"ipco" => {
                    let mut boxes = Boxes(content);
                    while let Some((kind, content)) = boxes.next()? {
                        bounded(&self.properties, limits::MAX_AVIF_PROPERTIES)?;
                        self.properties.push(property::read(kind, Bytes(content))?);
                    }
                }
                b"ipma" => self.read_associations(Bytes(content))?,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_associations(&mut self, mut content: Bytes<'a>) -> Result<(), ConvertError> {
        let (version, flags) = content.full()?;
        let count = content.u32()?;
        for _ in 0..count {
            let id = content.id(version > 0)?;
            if self.associations.iter().any(|&(known, _)| known == id) {
                return Err(Broken);
            }
            bounded(&self.associations, limits::MAX_AVIF_ITEMS)?;
            let mut indices = Vec::new();
            for _ in 0..content.u8()? {
                let (essential, index) = if flags & 1 == 1 {
                    let value = content.u16()?;
                    (value >> 15 == 1, usize::from(value & 0x7FFF))
                } else {
                    let value = content.u8()?;
                    (value >> 7 == 1, usize::from(value & 0x7F))
                };
                // 0 is none; the first has the number 1.
                let Some(index) = index.checked_sub(1) else { continue };
                let property = self.properties.get(index).ok_or(Broken)?;
                if essential && !property::is_understood(property) {
                    return Err(Unsupported);
                }
                indices.push(index);
            }
            self.associations.push((id, indices));
        }
        Ok(())
    }

    /// The item that is shown.
    pub fn primary(&self) -> u32 {
        self.primary
    }

    /// The item that is the alpha channel of this one.
    pub fn alpha_of(&self, id: u32) -> Option<u32> {
        self.references
            .iter()
            .filter(|reference| reference.kind == *b"auxl" && reference.to.contains(&id))
            .map(|reference| reference.from)
            .find(|&from| self.properties(from).any(|property| property == Property::Auxiliary(true)))
    }

    /// Whether the colours of this item are multiplied by its alpha.
    pub fn is_premultiplied(&self, id: u32) -> bool {
        self.references.iter().any(|reference| reference.kind == *b"prem" && reference.from == id)
    }

    /// What is known of an item, in order.
    pub fn properties(&self, id: u32) -> impl Iterator<Item = Property<'a>> {
        let indices = self.associations.iter().find(|&&(known, _)| known == id).map(|(_, indices)| &indices[..]);
        indices.unwrap_or_default().iter().filter_map(|&index| self.properties.get(index).copied())
    }

    /// The size of an item, which it has to tell, once.
    pub fn size(&self, id: u32) -> Result<(u32, u32), ConvertError> {
        self.properties(id)
            .find_map(|property| if let Property::Size(w, h) = property { Some((w, h)) } else { None })
            .ok_or(Broken)
    }

    /// How an item is stored.
    pub fn coded(&self, id: u32) -> Result<Coded<'a>, ConvertError> {
        let item = self.items.iter().find(|item| item.id == id).ok_or(Broken)?;
        self.check(id)?;
        match &item.kind {
            b"av01" if self.properties(id).any(|property| property == Property::Codec) => {
                Ok(Coded::Av1(self.data(id)?))
            }
            b"av01" => Err(Broken),
            b"grid" => self.grid(id),
            _ => Err(Unsupported),
        }
    }

    /// That the properties of a picture are what and where they may be (MIAF, ISO/IEC 23000-22 section 7.3.6.7).
    fn check(&self, id: u32) -> Result<(), ConvertError> {
        let (mut rank, mut colours) = (0, [0; 3]);
        for property in self.properties(id) {
            let next = match property {
                Property::Size(..) => 1,
                Property::Crop => 2,
                Property::Rotation(_) => 3,
                Property::Mirror(_) => 4,
                Property::Nclx(..) | Property::Icc(..) => {
                    let [nclx, unrestricted, restricted] = &mut colours;
                    *match property {
                        Property::Icc(_, true) => restricted,
                        Property::Icc(..) => unrestricted,
                        _ => nclx,
                    } += 1;
                    continue;
                }
                _ => continue,
            };
            let is_in_order = next > rank && (next == 1 || rank > 0);
            if !is_in_order {
                return Err(Broken);
            }
            rank = next;
        }
        if rank == 0 || colours.iter().any(|&count| count > 1) {
            return Err(Broken);
        }
        if self.properties(id).any(|property| property == Property::Crop) { Err(Unsupported) } else { Ok(()) }
    }

    fn grid(&self, id: u32) -> Result<Coded<'a>, ConvertError> {
        let data = self.data(id)?;
        let mut data = Bytes(&data);
        let (_version, flags, rows, columns) = (data.u8()?, data.u8()?, data.u8()?, data.u8()?);
        let mut side = || if flags & 1 == 1 { data.u32() } else { data.u16().map(u32::from) };
        let size = (side()?, side()?);
        let (rows, columns) = (usize::from(rows) + 1, usize::from(columns) + 1);
        if rows * columns > limits::MAX_AVIF_TILES {
            return Err(TooLarge);
        }
        let tiles = self
            .references
            .iter()
            .find(|reference| reference.kind == *b"dimg" && reference.from == id)
            .map(|reference| reference.to.clone())
            .ok_or(Broken)?;
        if tiles.len() == rows * columns { Ok(Coded::Grid { columns, size, tiles }) } else { Err(Broken) }
    }

    fn data(&self, id: u32) -> Result<Cow<'a, [u8]>, ConvertError> {
        let location = self.locations.iter().find(|location| location.id == id).ok_or(Broken)?;
        let source = if location.in_idat { self.idat } else { self.input };
        let part = |&(offset, length): &(u64, u64)| {
            let start = usize::try_from(offset).ok()?;
            let rest = source.get(start..)?;
            if length == 0 { Some(rest) } else { rest.get(..usize::try_from(length).ok()?) }
        };
        match &location.extents[..] {
            [] => Err(Broken),
            [extent] => part(extent).map(Cow::Borrowed).ok_or(Broken),
            extents => {
                let mut data = Vec::new();
                for extent in extents {
                    let part = part(extent).ok_or(Broken)?;
                    // Extents that overlap could come to more than the file.
                    if data.len() + part.len() > self.input.len() {
                        return Err(TooLarge);
                    }
                    data.extend_from_slice(part);
                }
                Ok(Cow::Owned(data))
            }
        }
    }
}

fn bounded<T>(list: &[T], max: usize) -> Result<(), ConvertError> {
    if list.len() < max { Ok(()) } else { Err(TooLarge) }
}
