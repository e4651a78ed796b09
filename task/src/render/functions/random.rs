//! Functions of chance. Their seed is the run's id: so the same run renders to the same text, and none of them is fit to
//! make a secret.

use super::{Outcome, check_arity, count, fail, int, string, text};
use acre_model::ids::RunId;
use gotmpl::{TemplateError, Value, ValueFunc};
use std::sync::{Arc, Mutex, PoisonError};

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Chance(u64);

impl Chance {
    /// Seeded by FNV-1a over the id.
    fn new(run: &RunId) -> Self {
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(run.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, step))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, which is above 0.
    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

type Draw = fn(&mut Chance, &[Value]) -> Outcome;

const ALPHA: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const ALPHA_NUM: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const NUMERIC: &[u8] = b"0123456789";
/// All of ASCII that prints, blanks aside.
const ASCII: &[u8] =
    b"!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";

const TABLE: [(&str, usize, Draw); 7] = [
    ("randAlpha", 1, |chance, a| drawn(chance, count(a, 0)?, ALPHA)),
    ("randAlphaNum", 1, |chance, a| drawn(chance, count(a, 0)?, ALPHA_NUM)),
    ("randNumeric", 1, |chance, a| drawn(chance, count(a, 0)?, NUMERIC)),
    ("randAscii", 1, |chance, a| drawn(chance, count(a, 0)?, ASCII)),
    ("randInt", 2, |chance, a| between(chance, int(a, 0)?, int(a, 1)?)),
    ("uuidv4", 0, |chance, _| uuid(chance)),
    ("shuffle", 1, |chance, a| shuffled(chance, &text(&a[0]))),
];

/// Their names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(name, ..)| *name)
}

/// The functions of one rendering.
pub(super) fn functions(run: &RunId) -> Vec<(String, ValueFunc)> {
    let chance = Arc::new(Mutex::new(Chance::new(run)));
    let function = |(name, arity, draw): &(&'static str, usize, Draw)| {
        let (chance, name, arity, draw) = (Arc::clone(&chance), *name, *arity, *draw);
        let drawn: ValueFunc = Arc::new(move |args: &[Value]| {
            check_arity(name, &(arity..=arity), args.len())?;
            draw(&mut chance.lock().unwrap_or_else(PoisonError::into_inner), args)
        });
        (name.to_owned(), drawn)
    };
    TABLE.iter().map(function).collect()
}

fn drawn(chance: &mut Chance, count: usize, letters: &[u8]) -> Outcome {
    let one = |chance: &mut Chance| char::from(letters[chance.below(letters.len() as u64) as usize]);
    string((0..count).map(|_| one(chance)).collect::<String>())
}

/// From `least` up to, not including, `limit`.
fn between(chance: &mut Chance, least: i64, limit: i64) -> Outcome {
    let width = limit.checked_sub(least).and_then(|width| u64::try_from(width).ok()).filter(|width| *width > 0);
    let width = width
        .ok_or_else(|| -> TemplateError { fail(format!("`randInt` has no number from {least} up to {limit}")) })?;
    Ok(Value::Int(least + chance.below(width) as i64))
}

/// RFC 9562, version 4.
fn uuid(chance: &mut Chance) -> Outcome {
    let high = chance.next() & !0xf000 | 0x4000;
    let low = chance.next() & !(0b11 << 62) | 0b10 << 62;
    let (first, second, third) = (high >> 32, high >> 16 & 0xffff, high & 0xffff);
    string(format!("{first:08x}-{second:04x}-{third:04x}-{:04x}-{:012x}", low >> 48, low & 0xffff_ffff_ffff))
}

fn shuffled(chance: &mut Chance, text: &str) -> Outcome {
    let mut characters: Vec<char> = text.chars().collect();
    for last in (1..characters.len()).rev() {
        characters.swap(last, chance.below(last as u64 + 1) as usize);
    }
    string(characters.into_iter().collect::<String>())
}
