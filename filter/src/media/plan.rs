//! What to do with a file, by the flags of the request and the file's type: the table of the contract.

use super::kind::Kind;

/// What a request asks for. Only whether a flag is there counts, not its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags {
    /// A custom emoji.
    pub emoji: bool,
    /// An avatar.
    pub avatar: bool,
    /// The first frame only.
    pub still: bool,
    /// A small preview.
    pub preview: bool,
    /// A mask for notifications.
    pub badge: bool,
    /// A placeholder instead of an error.
    pub fallback: bool,
}

/// The row of the table that the flags come to. Requests for one file and one preset have one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Preset {
    /// `emoji`
    Emoji,
    /// `emoji` and `static`
    StillEmoji,
    /// `avatar`
    Avatar,
    /// `avatar` and `static`
    StillAvatar,
    /// `static` alone
    Static,
    /// `preview`
    Preview,
    /// `badge`
    Badge,
    /// No flag, or none that asks for a picture.
    Original,
}

/// A picture to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conversion {
    /// Its size. A picture is never enlarged.
    pub fit: Fit,
    /// Whether all frames are kept, where there are several.
    pub animated: bool,
    /// Whether the rotation that EXIF tells is applied.
    pub oriented: bool,
}

/// The size of a picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fit {
    /// At most so high.
    Height(u32),
    /// Inside this width and height.
    Inside(u32, u32),
    /// The 96 x 96 alpha mask, a PNG.
    Badge,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Make a picture.
    Convert(Conversion),
    /// Give it out as it is.
    Stream(Kind),
    /// Answer with this status.
    Refuse(u16),
}

const EMOJI_HEIGHT: u32 = 128;
const AVATAR_HEIGHT: u32 = 320;

impl Flags {
    /// The row of the table. Of several flags, the one further up counts.
    pub fn preset(self) -> Preset {
        match self {
            Self { emoji: true, still, .. } => {
                if still {
                    Preset::StillEmoji
                } else {
                    Preset::Emoji
                }
            }
            Self { avatar: true, still, .. } => {
                if still {
                    Preset::StillAvatar
                } else {
                    Preset::Avatar
                }
            }
            Self { still: true, .. } => Preset::Static,
            Self { preview: true, .. } => Preset::Preview,
            Self { badge: true, .. } => Preset::Badge,
            Self { emoji: false, avatar: false, still: false, preview: false, badge: false, .. } => Preset::Original,
        }
    }
}

impl Preset {
    /// Its name in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Emoji => "emoji",
            Self::StillEmoji => "emoji-static",
            Self::Avatar => "avatar",
            Self::StillAvatar => "avatar-static",
            Self::Static => "static",
            Self::Preview => "preview",
            Self::Badge => "badge",
            Self::Original => "original",
        }
    }

    /// The status for a file of a type that this preset does nothing with.
    pub fn refusal(self) -> u16 {
        if self == Self::Original { 403 } else { 404 }
    }
}

impl Plan {
    /// What the flags come to for a file of this type.
    pub fn of(flags: Flags, kind: Kind) -> Self {
        Self::for_preset(flags.preset(), kind)
    }

    /// What a preset comes to for a file of this type.
    pub fn for_preset(preset: Preset, kind: Kind) -> Self {
        if preset == Preset::Original {
            return match kind {
                Kind::Svg => still(Fit::Inside(2048, 2048), true),
                kind if kind.is_browser_safe() => Self::Stream(kind),
                _ => Self::Refuse(preset.refusal()),
            };
        }
        if !kind.is_convertible() {
            return Self::Refuse(preset.refusal());
        }
        match preset {
            Preset::Emoji | Preset::Avatar if !kind.is_animation_kept() => Self::Stream(kind),
            Preset::Emoji => moving(EMOJI_HEIGHT),
            Preset::Avatar => moving(AVATAR_HEIGHT),
            Preset::StillEmoji => still(Fit::Height(EMOJI_HEIGHT), false),
            Preset::StillAvatar => still(Fit::Height(AVATAR_HEIGHT), false),
            Preset::Static => still(Fit::Inside(498, 422), true),
            Preset::Preview => still(Fit::Inside(200, 200), true),
            Preset::Badge | Preset::Original => still(Fit::Badge, false),
        }
    }
}

fn still(fit: Fit, oriented: bool) -> Plan {
    Plan::Convert(Conversion { fit, animated: false, oriented })
}

/// EXIF rotation is for `static`, `preview` and SVG alone.
fn moving(height: u32) -> Plan {
    Plan::Convert(Conversion { fit: Fit::Height(height), animated: true, oriented: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURES: [Kind; 8] =
        [Kind::Jpeg, Kind::Png, Kind::Gif, Kind::Webp, Kind::Avif, Kind::Tiff, Kind::Bmp, Kind::Ico];
    const FILM: Kind = Kind::Playable("video/mp4");

    fn flags(names: &str) -> Flags {
        let has = |name| names.split(' ').any(|given| given == name);
        Flags {
            emoji: has("emoji"),
            avatar: has("avatar"),
            still: has("static"),
            preview: has("preview"),
            badge: has("badge"),
            fallback: has("fallback"),
        }
    }

    fn convert(fit: Fit, animated: bool, oriented: bool) -> Plan {
        Plan::Convert(Conversion { fit, animated, oriented })
    }

    fn all_pictures_become(names: &str, plan: Plan) {
        for kind in PICTURES {
            assert_eq!(Plan::of(flags(names), kind), plan, "{names}, {kind:?}");
        }
    }

    #[test]
    fn emoji() {
        all_pictures_become("emoji", convert(Fit::Height(128), true, false));
        all_pictures_become("emoji static", convert(Fit::Height(128), false, false));
        assert_eq!(Plan::of(flags("emoji"), Kind::Apng), Plan::Stream(Kind::Apng));
        assert_eq!(Plan::of(flags("emoji static"), Kind::Apng), convert(Fit::Height(128), false, false));
        assert_eq!(Plan::of(flags("emoji"), Kind::Svg), convert(Fit::Height(128), true, false));
    }

    #[test]
    fn avatar() {
        all_pictures_become("avatar", convert(Fit::Height(320), true, false));
        all_pictures_become("avatar static", convert(Fit::Height(320), false, false));
        assert_eq!(Plan::of(flags("avatar"), Kind::Apng), Plan::Stream(Kind::Apng));
        assert_eq!(Plan::of(flags("avatar static"), Kind::Apng), convert(Fit::Height(320), false, false));
    }

    #[test]
    fn static_and_preview() {
        all_pictures_become("static", convert(Fit::Inside(498, 422), false, true));
        all_pictures_become("preview", convert(Fit::Inside(200, 200), false, true));
        for kind in [Kind::Apng, Kind::Svg] {
            assert_eq!(Plan::of(flags("static"), kind), convert(Fit::Inside(498, 422), false, true));
            assert_eq!(Plan::of(flags("preview"), kind), convert(Fit::Inside(200, 200), false, true));
        }
    }

    #[test]
    fn badge() {
        all_pictures_become("badge", convert(Fit::Badge, false, false));
        assert_eq!(Plan::of(flags("badge"), Kind::Apng), convert(Fit::Badge, false, false));
    }

    #[test]
    fn none() {
        for kind in PICTURES.into_iter().chain([Kind::Apng, FILM]) {
            assert_eq!(Plan::of(flags(""), kind), Plan::Stream(kind), "{kind:?}");
            assert_eq!(Plan::of(flags("fallback"), kind), Plan::Stream(kind), "{kind:?}");
        }
        assert_eq!(Plan::of(flags(""), Kind::Svg), convert(Fit::Inside(2048, 2048), false, true));
        assert_eq!(Plan::of(flags(""), Kind::Unknown), Plan::Refuse(403));
    }

    #[test]
    fn what_cannot_be_converted() {
        for names in ["emoji", "avatar", "static", "preview", "badge", "emoji static", "emoji fallback"] {
            for kind in [FILM, Kind::Playable("audio/wav"), Kind::Unknown] {
                assert_eq!(Plan::of(flags(names), kind), Plan::Refuse(404), "{names}, {kind:?}");
            }
        }
    }

    #[test]
    fn of_several_flags_one_counts() {
        for (names, preset) in [
            ("emoji avatar", Preset::Emoji),
            ("avatar preview badge", Preset::Avatar),
            ("emoji avatar static", Preset::StillEmoji),
            ("avatar static", Preset::StillAvatar),
            ("static preview badge", Preset::Static),
            ("preview badge", Preset::Preview),
            ("badge fallback", Preset::Badge),
            ("fallback", Preset::Original),
        ] {
            assert_eq!(flags(names).preset(), preset, "{names}");
        }
    }
}
