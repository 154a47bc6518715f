//! Who may do what, and who knows of what.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use lakegate_common::error::{Coded, ErrorCode};

use crate::error::Error;
use crate::ids::{DatasetId, GrantId, LocationId, PrincipalId, ProjectId, SchemaId};
use crate::model::{
    Dataset, DatasetKind, Grant, Location, Object, ObjectName, PrincipalProfile, PrincipalType,
    Privilege, Project, Schema, View, Volume,
};
use crate::snapshot::{Rows, Snapshot};

use super::VisibleSnapshot;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

/// Two projects `lab` and `trial`, each with schemas `raw` and `public`, each with tables `flights`
/// and `airports`; locations `outer` and `inner`; users, and roles one in the other.
struct World {
    rows: Rows,
}

impl World {
    fn new() -> Self {
        let mut world = Self { rows: Rows { version: 1, ..Rows::default() } };
        for project in ["lab", "trial"] {
            world.add_project(project, &["raw", "public"], &["flights", "airports"]);
        }
        world.add_location("outer", "s3://bucket/");
        world.add_location("inner", "s3://bucket/secret/");
        for (name, is_admin) in [("root", true), ("ann", false), ("bob", false)] {
            world.add_principal(name, PrincipalType::User, is_admin);
        }
        for role in ["analysts", "staff"] {
            world.add_principal(role, PrincipalType::Role, false);
        }
        world
    }

    fn add_project(&mut self, name: &str, schemas: &[&str], datasets: &[&str]) {
        let project = ProjectId::generate();
        self.rows.projects.push(Project {
            id: project,
            name: name.into(),
            location: None,
            comment: None,
            properties: BTreeMap::new(),
            created_at: NOW,
            revision: 0,
        });
        for name in schemas {
            let schema = SchemaId::generate();
            self.rows.schemas.push(Schema {
                id: schema,
                project,
                name: (*name).into(),
                comment: None,
                properties: BTreeMap::new(),
                created_at: NOW,
                revision: 0,
            });
            self.rows.datasets.extend(datasets.iter().map(|name| dataset(schema, name)));
        }
    }

    fn add_location(&mut self, name: &str, url: &str) {
        self.rows.locations.push(Location {
            id: LocationId::generate(),
            name: name.into(),
            url: url.parse().unwrap(),
            credential: None,
            options: BTreeMap::new(),
            comment: None,
            properties: BTreeMap::new(),
            created_at: NOW,
            revision: 0,
        });
    }

    fn add_principal(&mut self, name: &str, principal_type: PrincipalType, is_admin: bool) {
        self.rows.principals.push(PrincipalProfile {
            id: PrincipalId::generate(),
            name: name.into(),
            principal_type,
            is_admin,
            roles: Default::default(),
            comment: None,
            properties: BTreeMap::new(),
            created_at: NOW,
            revision: 0,
        });
    }

    /// A volume `lab.raw.scans` over files at a URL, made by a principal a second after the rest.
    fn with_scans(mut self, location: &str, is_managed: bool, definer: &str) -> Self {
        let Object::Schema(schema) = self.object("lab.raw") else { panic!("no schema") };
        let mut scans = Arc::unwrap_or_clone(dataset(schema, "scans"));
        scans.kind = DatasetKind::Volume(Volume { is_managed, location: location.into() });
        scans.definer = Some(self.principal(definer));
        scans.created_at = NOW + Duration::from_secs(1);
        self.rows.datasets.push(Arc::new(scans));
        self
    }

    fn principal(&self, name: &str) -> PrincipalId {
        self.rows.principals.iter().find(|found| found.name == name).unwrap().id
    }

    fn member(mut self, role: &str, member: &str) -> Self {
        self.rows.memberships.push((self.principal(role), self.principal(member)));
        self
    }

    fn grant(mut self, privilege: Privilege, name: &str, grantee: &str) -> Self {
        let object = self.object(name);
        self.rows.grants.push(Arc::new(Grant {
            id: GrantId::generate(),
            grantee: self.principal(grantee),
            privilege,
            object,
            grantor: None,
            created_at: NOW,
        }));
        self
    }

    /// The object that a text such as `lab.raw.flights` names; a location begins with `@`.
    fn object(&self, name: &str) -> Object {
        let rows = &self.rows;
        if let Some(name) = name.strip_prefix('@') {
            return Object::Location(rows.locations.iter().find(|l| l.name == name).unwrap().id);
        }
        let parts: Vec<&str> = name.split('.').collect();
        let project = rows.projects.iter().find(|found| found.name == parts[0]).unwrap().id;
        let [_, schema, ..] = parts[..] else { return Object::Project(project) };
        let is_schema = |found: &&Schema| found.project == project && found.name == schema;
        let schema = rows.schemas.iter().find(is_schema).unwrap().id;
        let [_, _, dataset] = parts[..] else { return Object::Schema(schema) };
        let is_dataset = |found: &&Arc<Dataset>| found.schema == schema && found.name == dataset;
        Object::Dataset(rows.datasets.iter().find(is_dataset).unwrap().id)
    }

    fn seen_by(self, name: &str) -> VisibleSnapshot {
        let principal = self.principal(name);
        Arc::new(Snapshot::assemble(self.rows)).for_principal(principal)
    }
}

fn dataset(schema: SchemaId, name: &str) -> Arc<Dataset> {
    Arc::new(Dataset {
        id: DatasetId::generate(),
        schema,
        name: name.into(),
        kind: DatasetKind::View(View {
            sql: String::new(),
            columns_ipc: Vec::new(),
            project: String::new(),
            schema: String::new(),
        }),
        definer: None,
        comment: None,
        properties: BTreeMap::new(),
        created_at: NOW,
        revision: 0,
    })
}

fn name(text: &str) -> ObjectName {
    match text.split('.').collect::<Vec<_>>()[..] {
        [project] => ObjectName::Project(project.into()),
        [project, schema] => ObjectName::schema(project, schema),
        [project, schema, dataset] => ObjectName::dataset(project, schema, dataset),
        _ => panic!("{text}"),
    }
}

fn may(view: &VisibleSnapshot, privilege: Privilege, text: &str) -> bool {
    view.check(privilege, &name(text)).is_ok()
}

/// All datasets that a principal knows of, and containers without any, as text.
fn known(view: &VisibleSnapshot) -> String {
    let mut known = Vec::new();
    for project in view.projects() {
        for schema in view.schemas(&project.name) {
            let datasets: Vec<&str> = view
                .datasets(&project.name, &schema.name)
                .map(|dataset| dataset.name.as_str())
                .collect();
            known.push(format!("{}.{}({})", project.name, schema.name, datasets.join(" ")));
        }
        if view.schemas(&project.name).next().is_none() {
            known.push(project.name.clone());
        }
    }
    known.join(", ")
}

#[test]
fn who_has_no_grant_knows_of_nothing() {
    let view = World::new().grant(Privilege::Own, "lab", "bob").seen_by("ann");
    assert_eq!(known(&view), "");
    assert_eq!((view.locations().count(), view.credentials().count()), (0, 0));
    assert_eq!((view.grants().count(), view.principals().count()), (0, 1));
    assert!(view.project("lab").is_none() && view.schema("lab", "raw").is_none());
    assert!(view.dataset("lab", "raw", "flights").is_none() && view.location("outer").is_none());
    let snapshot = Arc::clone(view.unfiltered());
    for dataset in snapshot.datasets("lab", "raw") {
        assert!(view.dataset_by_id(dataset.id).is_none());
        assert!(view.schema_by_id(dataset.schema).is_none());
    }
    assert_eq!(known(&snapshot.for_principal(PrincipalId::generate())), "", "nobody known");
}

#[test]
fn what_is_hidden_answers_as_what_does_not_exist_and_gives_no_hint() {
    let view = World::new().grant(Privilege::Select, "lab.raw.airports", "ann").seen_by("ann");
    for (hidden, missing) in [
        ("lab.raw.flights", "lab.raw.fligths"),
        ("lab.public.flights", "lab.pubic.flights"),
        ("trial.raw.flights", "trail.raw.flights"),
    ] {
        let [hidden, missing] = [hidden, missing].map(|text| view.object(&name(text)).unwrap_err());
        assert_eq!(hidden.code(), missing.code());
        assert_eq!((hidden.hint(), missing.hint()), (None, None), "{hidden} {missing}");
    }
    let hint = view.object(&name("lab.raw.airport")).unwrap_err().hint();
    assert_eq!(hint.as_deref(), Some("did you mean \"airports\"?"));
}

#[test]
fn a_container_is_known_by_what_is_known_in_it() {
    let view = World::new().grant(Privilege::Modify, "lab.raw.flights", "ann").seen_by("ann");
    assert_eq!(known(&view), "lab.raw(flights)");
    assert!(!may(&view, Privilege::Create, "lab.raw") && !may(&view, Privilege::Select, "lab"));
}

#[test]
fn a_grant_reaches_everything_below() {
    let view = World::new().grant(Privilege::Select, "lab", "ann").seen_by("ann");
    assert_eq!(known(&view), "lab.public(airports flights), lab.raw(airports flights)");
    assert!(may(&view, Privilege::Select, "lab.raw.flights"));
    assert!(!may(&view, Privilege::Modify, "lab.raw.flights"));
    let view = World::new().grant(Privilege::Select, "lab.raw", "ann").seen_by("ann");
    assert_eq!(known(&view), "lab.raw(airports flights)");
}

#[test]
fn the_right_to_create_shows_the_schema_and_nothing_in_it() {
    let view = World::new().grant(Privilege::Create, "lab", "ann").seen_by("ann");
    assert_eq!(known(&view), "lab.public(), lab.raw()");
    assert!(may(&view, Privilege::Create, "lab.raw") && may(&view, Privilege::Create, "lab"));
    assert!(!may(&view, Privilege::Select, "lab.raw.flights"));
}

#[test]
fn no_privilege_stands_for_another_but_ownership_for_all() {
    for privilege in [Privilege::Select, Privilege::Modify, Privilege::Manage] {
        let view = World::new().grant(privilege, "lab.raw.flights", "ann").seen_by("ann");
        for other in [Privilege::Select, Privilege::Modify, Privilege::Manage, Privilege::Own] {
            assert_eq!(may(&view, other, "lab.raw.flights"), other == privilege, "{other}");
        }
    }
    let view = World::new().grant(Privilege::Own, "lab.raw", "ann").seen_by("ann");
    for privilege in [Privilege::Select, Privilege::Modify, Privilege::Manage, Privilege::Own] {
        assert!(may(&view, privilege, "lab.raw.flights"));
    }
    assert!(may(&view, Privilege::Create, "lab.raw"));
}

#[test]
fn managers_grant_everything_but_ownership() {
    let view = World::new().grant(Privilege::Manage, "lab.raw", "ann").seen_by("ann");
    let check = |privilege, text| view.check_granting(privilege, &name(text));
    assert!(check(Privilege::Select, "lab.raw.flights").is_ok());
    assert!(check(Privilege::Manage, "lab.raw").is_ok());
    assert!(matches!(check(Privilege::Own, "lab.raw"), Err(Error::MissingPrivilege { .. })));
    assert!(matches!(check(Privilege::Select, "lab"), Err(Error::MissingPrivilege { .. })));
    assert!(matches!(check(Privilege::Select, "trial"), Err(Error::ProjectNotFound { .. })));
    let wrong = check(Privilege::Read, "lab.raw.flights").unwrap_err();
    assert_eq!(wrong.to_string(), "a dataset has no privilege READ");
}

#[test]
fn what_is_known_and_not_allowed_is_said() {
    let view = World::new().grant(Privilege::Select, "lab.raw.flights", "ann").seen_by("ann");
    let error = view.check(Privilege::Modify, &name("lab.raw.flights")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::PermissionDenied);
    let text = "you lack the privilege MODIFY on dataset \"lab.raw.flights\"";
    assert_eq!(error.to_string(), text);
}

#[test]
fn rights_come_through_roles_of_roles() {
    let world = World::new()
        .grant(Privilege::Select, "lab.raw.flights", "staff")
        .member("analysts", "ann")
        .member("staff", "analysts");
    let (staff, bob) = (world.principal("staff"), world.principal("bob"));
    let view = world.seen_by("ann");
    assert_eq!(known(&view), "lab.raw(flights)");
    assert!(view.acts_as(staff) && !view.acts_as(bob));
    assert_eq!(view.principals().count(), 3);
    assert_eq!(known(&view.unfiltered().for_principal(bob)), "");
    assert_eq!(known(&view.unfiltered().for_principal(staff)), "lab.raw(flights)");
}

/// The store does not let it be, and a decision must end all the same.
#[test]
fn a_circle_of_roles_ends() {
    let world = World::new()
        .grant(Privilege::Select, "lab.raw.flights", "staff")
        .member("analysts", "staff")
        .member("staff", "analysts")
        .member("staff", "ann");
    assert_eq!(known(&world.seen_by("ann")), "lab.raw(flights)");
}

#[test]
fn an_admin_may_do_and_see_everything() {
    let view = World::new().seen_by("root");
    assert!(view.is_admin() && known(&view).contains("trial.raw(airports flights)"));
    assert!(may(&view, Privilege::Own, "trial.raw.flights"));
    assert_eq!((view.locations().count(), view.principals().count()), (2, 5));
    assert!(view.check_admin("anything").is_ok());
    assert!(view.check_url(Privilege::Read, "s3://elsewhere/x").unwrap().is_none());
}

#[test]
fn grants_are_seen_by_those_who_have_them_and_those_who_manage() {
    let world = || {
        World::new()
            .grant(Privilege::Manage, "lab.raw", "ann")
            .grant(Privilege::Select, "lab.raw.flights", "bob")
            .grant(Privilege::Select, "trial", "staff")
    };
    assert_eq!(world().seen_by("ann").grants().count(), 2);
    assert_eq!(world().seen_by("bob").grants().count(), 1);
    assert_eq!(world().seen_by("root").grants().count(), 3);
}

#[test]
fn a_url_belongs_to_the_nearest_location() {
    let world = || World::new().grant(Privilege::Read, "@outer", "ann");
    let view = world().seen_by("ann");
    let found = view.check_url(Privilege::Read, "s3://bucket/open/x.parquet").unwrap();
    assert_eq!(found.unwrap().name, "outer");
    let refused = |url| view.check_url(Privilege::Read, url).unwrap_err();
    assert!(matches!(refused("s3://bucket/secret/x"), Error::OutsideLocations));
    assert!(matches!(refused("s3://elsewhere/x"), Error::OutsideLocations));
    assert!(matches!(refused("/etc/passwd"), Error::OutsideLocations));
    assert!(matches!(refused("s3://bucket/%73ecret/x"), Error::InvalidLocationUrl { .. }));
    let write = view.check_url(Privilege::Write, "s3://bucket/open/x").unwrap_err();
    assert!(matches!(write, Error::MissingPrivilege { .. }));
    let both = world().grant(Privilege::Read, "@inner", "ann").seen_by("ann");
    let found = both.check_url(Privilege::Read, "s3://bucket/secret/x").unwrap();
    assert_eq!(found.unwrap().name, "inner");
}

#[test]
fn a_folder_or_pattern_does_not_reach_into_a_location_below_it() {
    let world = || World::new().grant(Privilege::Read, "@outer", "ann");
    let view = world().seen_by("ann");
    for url in ["s3://bucket/", "s3://bucket", "s3://bucket/s*/x", "s3://bucket/secret?/x"] {
        let error = view.check_url(Privilege::Read, url).unwrap_err();
        assert!(matches!(error, Error::OutsideLocations), "{url}");
    }
    assert!(view.check_url(Privilege::Read, "s3://bucket/open/*.parquet").is_ok());
    let both = world().grant(Privilege::Read, "@inner", "ann").seen_by("ann");
    assert_eq!(both.check_url(Privilege::Read, "s3://bucket/").unwrap().unwrap().name, "outer");
}

#[test]
fn folders_of_managed_datasets_are_reached_by_who_may_manage_them() {
    let world = || World::new().with_scans("s3://bucket/own/1/", true, "root");
    let ann = world().seen_by("ann");
    for inside in ["s3://bucket/own/1", "s3://bucket/own/1/x.parquet", "s3://bucket/own/1/*"] {
        let refused = ann.check_outside_managed(inside).unwrap_err();
        assert!(matches!(refused, Error::ManagedFolder), "{inside}");
        assert!(ann.check_apart_from_managed(inside).is_err(), "{inside}");
    }
    for above in ["s3://bucket/", "s3://bucket/own", "s3://bucket/*/1/x", "s3://bucket/own/?/x"] {
        assert!(ann.check_outside_managed(above).is_ok(), "{above}");
        assert!(ann.check_apart_from_managed(above).is_err(), "{above}");
    }
    for beside in ["s3://bucket/own/10/", "s3://bucket/owner/", "s3://other/own/1/", "/own/1"] {
        assert!(ann.check_apart_from_managed(beside).is_ok(), "{beside}");
    }
    let manager = world().grant(Privilege::Manage, "lab.raw.scans", "ann").seen_by("ann");
    for view in [manager, world().seen_by("root")] {
        for url in ["s3://bucket/", "s3://bucket/own/1/x"] {
            assert!(view.check_apart_from_managed(url).is_ok(), "{url}");
        }
    }
}

#[test]
fn a_location_that_came_later_guards_files_of_a_dataset_whose_owner_may_not_read_it() {
    let world = |url: &str| {
        let mut world = World::new().grant(Privilege::Read, "@outer", "ann").with_scans(
            "s3://bucket/open/",
            false,
            "ann",
        );
        world.add_location("late", url);
        let late = world.rows.locations.last_mut().unwrap();
        late.created_at = NOW + Duration::from_secs(2);
        world
    };
    let reads = |world: World| {
        let view = world.seen_by("bob");
        let scans = view.unfiltered().dataset("lab", "raw", "scans").unwrap();
        view.check_reading_files(scans).is_ok()
    };
    for within in ["s3://bucket/open/", "s3://bucket/open/in/"] {
        assert!(!reads(world(within)), "{within}");
        assert!(reads(world(within).grant(Privilege::Read, "@late", "ann")), "{within}");
        assert!(!reads(world(within).grant(Privilege::Read, "@late", "bob")), "{within}");
    }
    assert!(reads(world("s3://bucket/other/")));
}

#[test]
fn files_are_changed_where_their_owner_or_who_changes_them_may_write() {
    let writes = |world: World| {
        let view = world.seen_by("bob");
        let scans = view.unfiltered().dataset("lab", "raw", "scans").unwrap();
        view.check_writing_files(scans).is_ok()
    };
    let world = |owner: &str| {
        let world = World::new().grant(Privilege::Read, "@outer", "ann");
        world.with_scans("s3://bucket/open/", false, owner)
    };
    assert!(!writes(world("ann")));
    assert!(writes(world("ann").grant(Privilege::Write, "@outer", "ann")));
    assert!(writes(world("ann").grant(Privilege::Write, "@outer", "bob")));
    assert!(writes(world("root")));
}

#[test]
fn a_view_of_a_large_snapshot_is_made_without_copying_it() {
    let mut world = World::new();
    let names: Vec<String> = (0..10_000).map(|index| format!("t{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.add_project("large", &["public"], &names);
    let world = world.grant(Privilege::Select, "large.public.t7", "ann");
    let ann = world.principal("ann");
    let snapshot = Arc::new(Snapshot::assemble(world.rows));
    let started = Instant::now();
    for _ in 0..10_000 {
        assert!(snapshot.for_principal(ann).dataset("large", "public", "t7").is_some());
    }
    assert!(started.elapsed().as_secs() < 5, "a copy of the names alone would take minutes");
    assert_eq!(snapshot.for_principal(ann).datasets("large", "public").count(), 1);
}
