//! Lists in pages.
//!
//! Pages go by identifier, that is by the time of making. An identifier never changes, so whatever
//! else changes between two pages, what is there all the time comes once.

use std::fmt::Display;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::super::problem::Problem;

/// The objects of a page where the request does not say how many.
const PAGE_DEFAULT: u32 = 100;
/// The objects of the largest page.
const PAGE_MAX: u32 = 1_000;
/// The bytes after which a page ends though it holds fewer objects than asked for. It may exceed
/// them by one object.
const PAGE_BYTES_MAX: usize = 4 << 20;

/// A part of a list.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is for the document: pages are put together from text")]
pub(super) struct Page<T: ToSchema> {
    /// The objects, in the order in which they were made.
    items: Vec<T>,
    /// Where the next page begins: the `cursor` of the next request. `null` on the last page.
    next_cursor: Option<String>,
}

/// Which objects, where names are unique.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Named {
    /// The one of this name.
    name: Option<String>,
    /// The objects of a page: 1 to 1000, 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

impl Named {
    /// The page that is asked for.
    pub(super) fn page(&self) -> (Option<u32>, Option<&str>) {
        (self.limit, self.cursor.as_deref())
    }

    /// Whether an object of this name is meant.
    pub(super) fn takes(&self, name: &str) -> bool {
        self.name.as_deref().is_none_or(|wanted| wanted == name)
    }
}

/// The part of a list that a request asks for.
#[derive(Debug)]
pub(super) struct Part<Id> {
    limit: usize,
    after: Option<Id>,
    /// What the list is of.
    noun: &'static str,
}

impl<Id: Ord + Copy + Display + FromStr> Part<Id> {
    /// The part of a list of `noun` that the parameters `limit` and `cursor` say.
    ///
    /// # Errors
    /// The limit is too small or too large, or the cursor is none of such a list.
    pub(super) fn read(
        noun: &'static str,
        limit: Option<u32>,
        cursor: Option<&str>,
    ) -> Result<Self, Problem> {
        let limit = limit.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(Problem::invalid(format!("limit must be 1 to {PAGE_MAX}")));
        }
        let after =
            match cursor {
                Some(cursor) => Some(read_cursor(noun, cursor).ok_or_else(|| {
                    Problem::invalid(format!("the cursor is none of a {noun} list"))
                })?),
                None => None,
            };
        Ok(Self { limit: limit as usize, after, noun })
    }

    /// The page as JSON; `show` tells an object of the list as JSON, `None` where it is gone.
    pub(super) fn page(
        &self,
        ids: impl Iterator<Item = Id>,
        mut show: impl FnMut(Id) -> Option<String>,
    ) -> String {
        let mut ids: Vec<Id> =
            ids.filter(|id| self.after.is_none_or(|after| *id > after)).collect();
        ids.sort_unstable();
        let mut page = String::from("{\"items\":[");
        let mut count = 0;
        let mut last = None;
        for id in &ids {
            if count == self.limit || page.len() > PAGE_BYTES_MAX {
                break;
            }
            count += 1;
            last = Some(*id);
            let Some(object) = show(*id) else { continue };
            if !page.ends_with('[') {
                page.push(',');
            }
            page.push_str(&object);
        }
        let next = last.filter(|_| count < ids.len()).map(|last| cursor(self.noun, last));
        let next = next.map_or("null".to_string(), |cursor| format!("\"{cursor}\""));
        page.push_str("],\"next_cursor\":");
        page.push_str(&next);
        page.push('}');
        page
    }
}

fn cursor<Id: Display>(noun: &str, last: Id) -> String {
    URL_SAFE_NO_PAD.encode(format!("{noun} {last}"))
}

fn read_cursor<Id: FromStr>(noun: &str, cursor: &str) -> Option<Id> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (of, id) = text.split_once(' ')?;
    if of == noun { id.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(limit: u32, of: &mut Vec<u32>, between: impl Fn(&mut Vec<u32>)) -> Vec<Vec<u64>> {
        let mut cursor: Option<String> = None;
        let mut pages = Vec::new();
        loop {
            let part = Part::<u32>::read("number", Some(limit), cursor.as_deref()).ok().unwrap();
            let page = part.page(of.iter().copied(), |id| Some(id.to_string()));
            let page: serde_json::Value = serde_json::from_str(&page).unwrap();
            let items = page["items"].as_array().unwrap();
            pages.push(items.iter().map(|item| item.as_u64().unwrap()).collect());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_string()),
                None => return pages,
            }
            between(of);
        }
    }

    #[test]
    fn pages_hold_everything_once() {
        assert_eq!(pages(2, &mut vec![5, 1, 4, 2, 3], |_| {}), [vec![1, 2], vec![3, 4], vec![5]]);
        assert_eq!(pages(5, &mut vec![1, 2, 3, 4, 5], |_| {}), [[1, 2, 3, 4, 5]]);
        assert_eq!(pages(1, &mut Vec::new(), |_| {}), [Vec::<u64>::new()]);
    }

    #[test]
    fn what_comes_and_goes_between_pages_moves_nothing() {
        let all = pages(2, &mut vec![10, 20, 30, 40], |of| {
            of.retain(|one| *one != 20);
            of.extend([5, 50]);
        });
        assert_eq!(all.concat()[..4], [10, 20, 30, 40]);
    }

    #[test]
    fn a_page_ends_when_it_is_large() {
        let part = Part::<u32>::read("number", None, None).ok().unwrap();
        let large = format!("\"{}\"", "x".repeat(PAGE_BYTES_MAX));
        let page = part.page(0..3, |_| Some(large.clone()));
        let page: serde_json::Value = serde_json::from_str(&page).unwrap();
        assert_eq!(page["items"].as_array().unwrap().len(), 1);
        assert!(page["next_cursor"].is_string());
    }

    #[test]
    fn limits_and_cursors_that_are_none_are_refused() {
        for (limit, cursor) in [
            (Some(0), None),
            (Some(PAGE_MAX + 1), None),
            (None, Some("")),
            (None, Some("%%%")),
            (None, Some("bnVtYmVy")),
        ] {
            assert!(Part::<u32>::read("number", limit, cursor).is_err(), "{limit:?} {cursor:?}");
        }
        let of_others = cursor("letter", 7);
        assert!(Part::<u32>::read("number", None, Some(&of_others)).is_err());
    }
}
