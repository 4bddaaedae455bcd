//! Gzip (RFC 1952) and deflate (RFC 1951), for compressed SVG: ends at a limit, whatever the file says.

/// The content of a gzip file, where it is not longer than `max`.
pub fn gunzip(input: &[u8], max: usize) -> Option<Vec<u8>> {
    let (header, mut rest) = input.split_first_chunk::<10>()?;
    let [0x1F, 0x8B, 8, flags, ..] = *header else { return None };
    if flags & 4 != 0 {
        let (len, after) = rest.split_first_chunk::<2>()?;
        rest = after.get(usize::from(u16::from_le_bytes(*len))..)?;
    }
    // File name and comment end with a zero.
    for bit in [8, 16] {
        if flags & bit != 0 {
            let end = rest.iter().position(|&byte| byte == 0)?;
            rest = rest.get(end + 1..)?;
        }
    }
    if flags & 2 != 0 {
        rest = rest.get(2..)?;
    }
    Inflate { input: rest, buffer: 0, bits: 0, output: Vec::new(), max }.run()
}

struct Inflate<'a> {
    input: &'a [u8],
    buffer: u32,
    bits: u32,
    output: Vec<u8>,
    max: usize,
}

const MAX_BITS: usize = 15;
const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];
const DISTANCES: [(u16, u8); 30] = [
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (7, 1),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 4),
    (49, 4),
    (65, 5),
    (97, 5),
    (129, 6),
    (193, 6),
    (257, 7),
    (385, 7),
    (513, 8),
    (769, 8),
    (1025, 9),
    (1537, 9),
    (2049, 10),
    (3073, 10),
    (4097, 11),
    (6145, 11),
    (8193, 12),
    (12289, 12),
    (16385, 13),
    (24577, 13),
];
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

impl Inflate<'_> {
    fn run(mut self) -> Option<Vec<u8>> {
        loop {
            let is_last = self.take(1)? == 1;
            match self.take(2)? {
                0 => self.stored()?,
                1 => {
                    let lengths: Vec<u8> = (0..288)
                        .map(|n| {
                            if n < 144 {
                                8
                            } else if n < 256 {
                                9
                            } else if n < 280 {
                                7
                            } else {
                                8
                            }
                        })
                        .collect();
                    self.block(&Code::new(&lengths)?, &Code::new(&[5; 30])?)?;
                }
                2 => {
                    let (literals, distances) = self.codes()?;
                    self.block(&literals, &distances)?;
                }
                _ => return None,
            }
            if is_last {
                return Some(self.output);
            }
        }
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        while self.bits < count {
            let (&byte, rest) = self.input.split_first()?;
            self.input = rest;
            self.buffer |= u32::from(byte) << self.bits;
            self.bits += 8;
        }
        let value = self.buffer & ((1 << count) - 1);
        self.buffer >>= count;
        self.bits -= count;
        Some(value)
    }

    fn push(&mut self, byte: u8) -> Option<()> {
        if self.output.len() >= self.max {
            return None;
        }
        self.output.push(byte);
        Some(())
    }

    fn stored(&mut self) -> Option<()> {
        (self.buffer, self.bits) = (0, 0);
        let (&[a, b, c, d], rest) = self.input.split_first_chunk::<4>()?;
        let len = u16::from_le_bytes([a, b]);
        if len != !u16::from_le_bytes([c, d]) {
            return None;
        }
        let (content, rest) = rest.split_at_checked(usize::from(len))?;
        self.input = rest;
        content.iter().try_for_each(|&byte| self.push(byte))
    }

    fn codes(&mut self) -> Option<(Code, Code)> {
        let literals = self.take(5)? as usize + 257;
        let distances = self.take(5)? as usize + 1;
        let count = self.take(4)? as usize + 4;
        let mut lengths = [0; 19];
        for &at in ORDER.iter().take(count) {
            *lengths.get_mut(at)? = u8::try_from(self.take(3)?).ok()?;
        }
        let code = Code::new(&lengths)?;
        let mut lengths = Vec::with_capacity(literals + distances);
        while lengths.len() < literals + distances {
            let symbol = self.symbol(&code)?;
            let (value, times) = match symbol {
                16 => (*lengths.last()?, 3 + self.take(2)?),
                17 => (0, 3 + self.take(3)?),
                18 => (0, 11 + self.take(7)?),
                _ => (u8::try_from(symbol).ok()?, 1),
            };
            lengths.extend(std::iter::repeat_n(value, times as usize));
        }
        if lengths.len() > literals + distances {
            return None;
        }
        let (literals, distances) = lengths.split_at_checked(literals)?;
        Some((Code::new(literals)?, Code::new(distances)?))
    }

    fn block(&mut self, literals: &Code, distances: &Code) -> Option<()> {
        loop {
            let symbol = self.symbol(literals)?;
            if symbol < 256 {
                self.push(u8::try_from(symbol).ok()?)?;
                continue;
            }
            if symbol == 256 {
                return Some(());
            }
            let &(base, extra) = LENGTHS.get(usize::from(symbol) - 257)?;
            let length = u32::from(base) + self.take(extra.into())?;
            let symbol = self.symbol(distances)?;
            let &(base, extra) = DISTANCES.get(usize::from(symbol))?;
            let distance = usize::from(base) + self.take(extra.into())? as usize;
            for _ in 0..length {
                let at = self.output.len().checked_sub(distance)?;
                let byte = *self.output.get(at)?;
                self.push(byte)?;
            }
        }
    }

    /// Bit by bit: SVGs are small.
    fn symbol(&mut self, code: &Code) -> Option<u16> {
        let (mut value, mut first, mut index) = (0, 0, 0);
        for &count in code.counts.iter().skip(1) {
            value |= self.take(1)? as usize;
            if value < first + count {
                return code.symbols.get(index + value - first).copied();
            }
            index += count;
            first = (first + count) << 1;
            value <<= 1;
        }
        None
    }
}

/// A canonical Huffman code: symbols by length, then by value.
struct Code {
    counts: [usize; MAX_BITS + 1],
    symbols: Vec<u16>,
}

impl Code {
    fn new(lengths: &[u8]) -> Option<Self> {
        let mut counts = [0; MAX_BITS + 1];
        for &length in lengths {
            *counts.get_mut(usize::from(length))? += 1;
        }
        // More codes than bits allow.
        let mut left = 1_i32;
        for &count in counts.iter().skip(1) {
            left = (left << 1) - i32::try_from(count).ok()?;
            if left < 0 {
                return None;
            }
        }
        let mut symbols: Vec<(u8, u16)> =
            lengths.iter().zip(0..).filter(|&(&length, _)| length > 0).map(|(&length, at)| (length, at)).collect();
        symbols.sort_unstable();
        Some(Self { counts, symbols: symbols.into_iter().map(|(_, symbol)| symbol).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf '<svg/>' | gzip -n`, stored and with fixed codes.
    const FIXED: &[u8] = &[
        0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 2, 3, 0xB3, 0x29, 0x2E, 0x4B, 0xD7, 0xB7, 0x03, 0x00, 0x49, 0xFB, 0xB9, 0xAC, 6,
        0, 0, 0,
    ];

    /// Of Python's gzip, level 9.
    const DYNAMIC: &[u8] = &[
        0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x5D, 0x91, 0x3B, 0x4E, 0x05, 0x31, 0x10, 0x04,
        0xAF, 0xD2, 0xD9, 0x0B, 0xF1, 0x7C, 0xD7, 0x96, 0x1E, 0x9C, 0xA0, 0x39, 0x04, 0x12, 0x01, 0x21, 0x01, 0xF7,
        0x17, 0x4D, 0x82, 0x34, 0x1B, 0x78, 0x83, 0x76, 0x69, 0x3C, 0xD5, 0xFB, 0xFC, 0xFE, 0xF8, 0xF9, 0xC2, 0xE7,
        0xEB, 0xE3, 0x7D, 0x61, 0x51, 0xE7, 0xF1, 0xF2, 0xF6, 0xFC, 0xCF, 0x2E, 0x18, 0x0B, 0x31, 0x32, 0x4B, 0x24,
        0x6D, 0xA1, 0x47, 0xEA, 0x86, 0x43, 0x2B, 0x9C, 0x99, 0x6E, 0x58, 0xD3, 0x17, 0xCC, 0x47, 0x9E, 0xF0, 0xA2,
        0x17, 0xAC, 0xE6, 0x68, 0x43, 0x34, 0x43, 0xF8, 0x9E, 0xF9, 0x46, 0x1E, 0x46, 0xC1, 0x6D, 0x8E, 0x2F, 0x74,
        0x32, 0x17, 0x3C, 0x27, 0x8F, 0x6D, 0xD4, 0x1B, 0xD7, 0x48, 0x37, 0x82, 0x07, 0x31, 0x0D, 0xB5, 0xB2, 0x4B,
        0x27, 0x11, 0xD3, 0xD2, 0x1D, 0x79, 0xD1, 0xC4, 0xDF, 0x3C, 0x0F, 0x2E, 0xA7, 0x8B, 0x9F, 0xA6, 0x1A, 0x43,
        0xDD, 0xE5, 0xF4, 0x34, 0x47, 0x18, 0x43, 0x8D, 0xDD, 0x44, 0x0F, 0xDA, 0x19, 0xE2, 0xA7, 0xA8, 0x37, 0x4E,
        0x31, 0x50, 0x37, 0x4F, 0x6D, 0xC7, 0x8D, 0x9A, 0x96, 0xDA, 0x64, 0xD1, 0x04, 0x4F, 0x4D, 0x6B, 0xB5, 0x4D,
        0x55, 0xD6, 0xD3, 0xD4, 0x45, 0x06, 0xF5, 0xED, 0x69, 0xAA, 0xBA, 0x8F, 0xFE, 0x91, 0xF8, 0x69, 0xDA, 0xC8,
        0x64, 0x08, 0xFF, 0x13, 0xFD, 0x05, 0xEF, 0xE9, 0xB9, 0x91, 0x27, 0x02, 0x00, 0x00,
    ];

    #[test]
    fn fixed_and_stored() {
        assert_eq!(gunzip(FIXED, 100).as_deref(), Some(&b"<svg/>"[..]));
        assert_eq!(gunzip(FIXED, 6).as_deref(), Some(&b"<svg/>"[..]));
        assert_eq!(gunzip(FIXED, 5), None);
        let stored = [&FIXED[..10], &[1, 2, 0, 0xFD, 0xFF, b'h', b'i']].concat();
        assert_eq!(gunzip(&stored, 100).as_deref(), Some(&b"hi"[..]));
        for end in 0..16 {
            assert_eq!(gunzip(&FIXED[..end], 100), None);
        }
    }

    #[test]
    fn codes_of_their_own() {
        let text: String =
            (0..24).map(|i| format!("<path d='M{} {}L{} {}'/>", i * 7 % 31, i * i % 97, i * 5 % 41, i * 3)).collect();
        assert_eq!(gunzip(DYNAMIC, 10_000).as_deref(), Some(text.as_bytes()));
        assert_eq!(gunzip(DYNAMIC, text.len() - 1), None);
    }

    #[test]
    fn every_byte_anywhere_ends() {
        for (file, at) in [FIXED, DYNAMIC].into_iter().flat_map(|file| (10..file.len()).map(move |at| (file, at))) {
            for byte in 0..=255 {
                let mut file = file.to_vec();
                file[at] = byte;
                assert!(gunzip(&file, 1000).is_none_or(|content| content.len() <= 1000));
            }
        }
    }
}
