//! What all objects of the catalog have in common over HTTP: each is shown as the caller may see
//! it, found by its identifier, and changed only while it is what the caller takes it for.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use axum::extract::FromRequestParts;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use lakegate_catalog::{Catalog, Created, Grant, GrantId, Object, Privilege, VisibleSnapshot};
use lakegate_common::ErrorCode;
use serde::Serialize;

use super::super::problem::Problem;
use super::super::request::Caller;
use super::etag::{Conditions, Tags, tag_of};
use super::paging::Part;
use crate::frontend::{Error, Services};
use crate::identity::Principal;

/// What a handler answers.
pub(super) type Answer = Result<Response, Problem>;

/// A kind of object that is served.
pub(super) trait Resource: Serialize + Sized {
    /// Its identifier.
    type Id: Copy + Ord + Display + FromStr + Send + Sync + 'static;
    /// What people call it.
    const NOUN: &'static str;
    /// The code of one that is not there.
    const ABSENT: ErrorCode;
    /// Where all of them are.
    const PATH: &'static str;

    /// The object as it may be seen; `None` where there is none, or none to be seen.
    fn of(view: &View, id: Self::Id) -> Option<Self>;

    /// By what the catalog finds it when it is to be changed.
    fn name(&self) -> String;
}

/// The catalog as the caller sees it.
pub(super) struct View {
    pub(super) seen: VisibleSnapshot,
    owners: OnceLock<HashMap<Object, Vec<String>>>,
    grants: OnceLock<HashMap<GrantId, Arc<Grant>>>,
}

impl View {
    pub(super) fn new(seen: VisibleSnapshot) -> Self {
        Self { seen, owners: OnceLock::new(), grants: OnceLock::new() }
    }

    /// The names of those owners of an object that the caller may see.
    pub(super) fn owners(&self, object: Object) -> Vec<String> {
        let all = self.owners.get_or_init(|| {
            let mut owners: HashMap<Object, Vec<String>> = HashMap::new();
            for grant in self.seen.grants().filter(|grant| grant.privilege == Privilege::Own) {
                let name = self.seen.grantee_name(grant).map(str::to_string);
                owners.entry(grant.object).or_default().extend(name);
            }
            owners
        });
        all.get(&object).cloned().unwrap_or_default()
    }

    /// The grant of this identifier. The catalog finds grants by who has them, and a page looks up
    /// many.
    pub(super) fn grant(&self, id: GrantId) -> Option<&Arc<Grant>> {
        let all = || self.seen.grants().map(|grant| (grant.id, Arc::clone(grant))).collect();
        self.grants.get_or_init(all).get(&id)
    }

    /// Whether the caller may alter an object, and so see where it lies.
    pub(super) fn manages(&self, object: Object) -> bool {
        self.seen.may(Privilege::Manage, object)
    }
}

/// A request about the catalog: who asks, and under which conditions.
pub(super) struct Call {
    principal: Principal,
    pub(super) services: Arc<Services>,
    conditions: Conditions,
}

impl FromRequestParts<Arc<Services>> for Call {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        services: &Arc<Services>,
    ) -> Result<Self, Problem> {
        let Caller(principal) = Caller::from_request_parts(parts, services).await?;
        let conditions = Conditions::from_request_parts(parts, services).await?;
        Ok(Self { principal, services: Arc::clone(services), conditions })
    }
}

impl Call {
    /// Who asks.
    pub(super) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The catalog as the caller sees it now.
    pub(super) async fn view(&self) -> Result<View, Problem> {
        Ok(View::new(self.services.query.seen_by(self.principal.id).await?))
    }

    /// The catalog as the caller may change it.
    pub(super) fn catalog(&self) -> Catalog {
        self.services.query.catalog().acting_for(self.principal.id)
    }

    /// Refuses a place in the server's own folder.
    pub(super) async fn check_in_bounds(&self, place: Option<&str>) -> Result<(), Problem> {
        match place {
            Some(place) => Ok(self.services.query.check_in_bounds(place).await?),
            None => Ok(()),
        }
    }

    /// Does what may drop tables, whether the caller waits for it or not; the files of those that
    /// belong to Lakegate go with them.
    pub(super) async fn dropping(
        &self,
        drops: impl Future<Output = Result<bool, lakegate_catalog::Error>> + Send + 'static,
    ) -> Answer {
        self.services.query.dropping(async { Ok(drops.await?) }).await?;
        gone()
    }

    /// Answers with one object.
    pub(super) async fn read<R: Resource>(&self, id: R::Id) -> Answer {
        let shown = R::of(&self.view().await?, id).ok_or_else(absent::<R>)?;
        let body = json(&shown);
        let tag = tag_of(body.as_bytes());
        if self.conditions.if_none_match.as_ref().is_some_and(|tags| tags.match_weakly(&tag)) {
            return Ok((StatusCode::NOT_MODIFIED, tagged(tag)).into_response());
        }
        Ok(represented(StatusCode::OK, body))
    }

    /// Answers with a part of a list.
    pub(super) async fn list<R: Resource>(
        &self,
        page: (Option<u32>, Option<&str>),
        ids: impl FnOnce(&View) -> Vec<R::Id>,
    ) -> Answer {
        let part = Part::<R::Id>::read(R::NOUN, page.0, page.1)?;
        let view = self.view().await?;
        let show = |id| R::of(&view, id).map(|shown| json(&shown));
        let body = part.page(ids(&view).into_iter(), show);
        Ok(([(CONTENT_TYPE, "application/json"), PRIVATE], body).into_response())
    }

    /// An object to be changed, and the catalog as the caller may change it: while the object has
    /// this identifier and this name, and what `If-Match` says.
    pub(super) async fn held<R: Resource>(&self, id: R::Id) -> Result<(Catalog, R), Problem> {
        self.hold::<R>(id, self.conditions.if_match.clone()).await
    }

    /// Answers with what an object is now, after a change.
    pub(super) async fn changed<R: Resource>(&self, id: R::Id) -> Answer {
        match R::of(&self.view().await?, id) {
            Some(shown) => Ok(represented(StatusCode::OK, json(&shown))),
            // The caller has given it away.
            None => gone(),
        }
    }

    /// An object, and the catalog as the caller may change it while that object keeps its name.
    pub(super) async fn within<R: Resource>(&self, id: R::Id) -> Result<(Catalog, R), Problem> {
        self.hold::<R>(id, None).await
    }

    async fn hold<R: Resource>(
        &self,
        id: R::Id,
        if_match: Option<Tags>,
    ) -> Result<(Catalog, R), Problem> {
        let view = self.view().await?;
        let found = R::of(&view, id).ok_or_else(absent::<R>)?;
        let name = found.name();
        let judge = move |now: &R| {
            let is_wanted = |tags: &Tags| tags.match_strongly(&tag_of(json(now).as_bytes()));
            if !if_match.as_ref().is_none_or(is_wanted) {
                return Err(lakegate_catalog::Error::Changed { noun: R::NOUN });
            }
            if now.name() == name { Ok(()) } else { Err(moved::<R>()) }
        };
        let (version, is_refused) = (view.seen.version(), judge(&found).is_err());
        let catalog = self.catalog().provided(move |seen| {
            // Others wait for this, so what has been judged already is not put together again.
            if seen.version() == version && !is_refused {
                return Ok(());
            }
            judge(&R::of(&View::new(seen.clone()), id).ok_or_else(moved::<R>)?)
        });
        Ok((catalog, found))
    }

    /// Answers with what has just been made, or was there already.
    pub(super) async fn created<R: Resource>(&self, made: Created<R::Id>) -> Answer {
        let id = made.id();
        let Some(shown) = R::of(&self.view().await?, id) else {
            // Somebody else has dropped it since.
            return Err(moved::<R>().into());
        };
        if !matches!(made, Created::New(_)) {
            return Ok(represented(StatusCode::OK, json(&shown)));
        }
        let mut response = represented(StatusCode::CREATED, json(&shown));
        if let Ok(location) = format!("{}/{id}", R::PATH).parse() {
            response.headers_mut().insert(LOCATION, location);
        }
        Ok(response)
    }
}

/// The error of an object that another request has renamed, moved or dropped meanwhile.
pub(super) fn moved<R: Resource>() -> lakegate_catalog::Error {
    lakegate_catalog::Error::Moved { noun: R::NOUN }
}

/// The answer where there is nothing to show any more.
pub(super) fn gone() -> Answer {
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The problem of an object that is not there, or not to be seen: both are the same.
pub(super) fn absent<R: Resource>() -> Problem {
    Problem::of(&Error::NoSuchObject { noun: R::NOUN, code: R::ABSENT })
}

/// What one caller sees is not another's, and is not to be kept without asking.
const PRIVATE: (HeaderName, &str) = (CACHE_CONTROL, "private, no-cache");

/// An object as JSON, which texts, numbers, and lists and maps of them always can be.
fn json<R: Resource>(shown: &R) -> String {
    serde_json::to_string(shown).unwrap_or_default()
}

fn tagged(tag: String) -> [(HeaderName, String); 2] {
    [(ETAG, tag), (PRIVATE.0, PRIVATE.1.to_string())]
}

fn represented(status: StatusCode, body: String) -> Response {
    let tag = tag_of(body.as_bytes());
    (status, [(CONTENT_TYPE, "application/json")], tagged(tag), body).into_response()
}

/// A time as RFC 3339 writes it, in UTC, to the millisecond.
pub(super) fn time(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Millis, true)
}
