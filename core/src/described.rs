//! Records that say what is in them: what other languages pass on, and what they get.

use serde::Serialize;

use crate::events::Listener;
use crate::secret::Secret;

/// A record whose members are known by name: [`described!`] makes them.
pub trait Record {
    /// In the order in which they are declared.
    fn members() -> Vec<Member>;
}

/// An argument, or a part of a result.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Member {
    /// In snake case.
    pub name: &'static str,
    /// What it is.
    #[serde(flatten)]
    pub shape: Shape,
    /// What is allowed.
    #[serde(flatten)]
    pub rule: Rule,
}

/// What kind of value it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Shape {
    /// `text`, `flag`, `whole`, `seconds`, `bytes`, `store`, `listener`, or the name of a record.
    #[serde(rename = "type")]
    pub name: &'static str,
    /// Whether there may be several.
    pub list: bool,
    /// Whether it may be left out, or be missing.
    pub optional: bool,
    /// Whether it must not be shown.
    pub secret: bool,
}

/// What is allowed beyond the type. What it does not allow is refused with `invalid_argument`.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Rule {
    /// What holds if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Plain>,
    /// The least number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least: Option<u64>,
    /// The number must be greater than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub above: Option<u64>,
    /// The greatest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most: Option<u64>,
    /// The number must be less than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<u64>,
    /// All there are, if it is one of a few.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub choices: &'static [Plain],
}

/// A plain value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Plain {
    /// A whole number.
    Number(u64),
    /// A text.
    Text(&'static str),
    /// True or false.
    Flag(bool),
}

impl Rule {
    /// Whatever the type allows.
    pub const ANY: Self = Self {
        default: None,
        least: None,
        above: None,
        most: None,
        below: None,
        choices: &[],
    };

    /// More than nothing, and at most so many seconds.
    pub const fn time(default: u64, most: u64) -> Self {
        Self {
            default: Some(Plain::Number(default)),
            above: Some(0),
            most: Some(most),
            ..Self::ANY
        }
    }

    /// From 0.
    pub const fn count(default: u64, most: u64) -> Self {
        Self {
            default: Some(Plain::Number(default)),
            least: Some(0),
            most: Some(most),
            ..Self::ANY
        }
    }

    /// One of these.
    pub const fn one_of(choices: &'static [Plain]) -> Self {
        Self {
            choices,
            ..Self::ANY
        }
    }

    /// The same, with something that holds if it is left out.
    pub const fn by_default(self, default: Plain) -> Self {
        Self {
            default: Some(default),
            ..self
        }
    }
}

/// A type that a member may have.
pub trait Described {
    /// What it is.
    const SHAPE: Shape;
}

impl Shape {
    /// One value that has to be there.
    pub const fn one(name: &'static str) -> Self {
        Self {
            name,
            list: false,
            optional: false,
            secret: false,
        }
    }

    const fn secret(self) -> Self {
        Self {
            secret: true,
            ..self
        }
    }
}

macro_rules! shapes {
    ($($type:ty => $shape:expr),* $(,)?) => {$(
        impl Described for $type {
            const SHAPE: Shape = $shape;
        }
    )*};
}

shapes! {
    String => Shape::one("text"),
    Secret<String> => Shape::one("text").secret(),
    Secret<Vec<u8>> => Shape::one("bytes").secret(),
    bool => Shape::one("flag"),
    i64 => Shape::one("whole"),
    u64 => Shape::one("whole"),
    u16 => Shape::one("whole"),
    f64 => Shape::one("seconds"),
    Listener => Shape::one("listener"),
}

impl<T: Described> Described for Option<T> {
    const SHAPE: Shape = Shape {
        optional: true,
        ..T::SHAPE
    };
}

impl<T: Described> Described for Vec<T> {
    const SHAPE: Shape = Shape {
        list: true,
        ..T::SHAPE
    };
}

impl Member {
    /// A member of this type.
    pub const fn of<T: Described>(name: &'static str, rule: Rule) -> Self {
        Self {
            name,
            shape: T::SHAPE,
            rule,
        }
    }
}

/// Declares a record, and describes it: `member: Type`, or `member: Type => Rule`.
macro_rules! described {
    (
        $(#[$about:meta])*
        pub struct $record:ident {
            $($(#[$member_about:meta])* pub $member:ident: $type:ty $(=> $rule:expr)?,)*
        }
    ) => {
        $(#[$about])*
        pub struct $record {
            $($(#[$member_about])* pub $member: $type,)*
        }

        impl $crate::described::Record for $record {
            fn members() -> Vec<$crate::described::Member> {
                vec![$($crate::described::Member::of::<$type>(
                    stringify!($member),
                    described!(@rule $($rule)?),
                )),*]
            }
        }
    };
    (@rule) => { $crate::described::Rule::ANY };
    (@rule $rule:expr) => { $rule };
}

pub(crate) use described;
