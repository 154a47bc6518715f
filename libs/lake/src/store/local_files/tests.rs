use std::fs;
use std::os::unix::fs::symlink;

use object_store::ObjectStoreExt;

use super::super::{Access, NoAccess, StoreUrl};
use super::*;

#[derive(Debug)]
struct Rooted(PathBuf);

#[async_trait]
impl AccessSource for Rooted {
    async fn access(&self, url: &StoreUrl) -> std::result::Result<Access, Error> {
        Err(Error::NoAccess { url: url.to_string() })
    }

    fn local_root_of(&self, path: &LocalPath) -> Option<PathBuf> {
        path.starts_with(&self.0).then(|| self.0.clone())
    }
}

/// A folder with a location `open`, reached by a link, and `secret` beside it.
fn with_location() -> (tempfile::TempDir, LocalFiles, impl Fn(&str) -> Path) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["real", "secret"] {
        fs::create_dir(at(name)).unwrap();
        fs::write(at(name).join("file.csv"), name).unwrap();
    }
    symlink(at("real"), at("open")).unwrap();
    symlink(at("secret"), at("real/link")).unwrap();
    symlink(at("secret/file.csv"), at("real/linked.csv")).unwrap();
    symlink(at("secret/new.csv"), at("real/new.csv")).unwrap();
    symlink(at("real/file.csv"), at("real/within.csv")).unwrap();
    let root = at("open");
    let path = move |name: &str| Path::from_absolute_path(root.join(name)).unwrap();
    let store = LocalFiles::new(Arc::new(Rooted(at("open"))));
    (folder, store, path)
}

#[tokio::test]
async fn what_lies_in_a_location_is_read_and_written() {
    let (_folder, store, path) = with_location();
    for name in ["file.csv", "within.csv"] {
        assert_eq!(store.get(&path(name)).await.unwrap().bytes().await.unwrap(), "real");
    }
    store.put(&path("new/folder/x.csv"), "1".into()).await.unwrap();
    store.delete(&path("new/folder/x.csv")).await.unwrap();
}

#[tokio::test]
async fn a_link_does_not_lead_out_of_a_location() {
    let (folder, store, path) = with_location();
    for name in ["link/file.csv", "linked.csv", "link/new.csv", "new.csv", "link/a/b.csv"] {
        let path = path(name);
        assert!(store.get(&path).await.unwrap_err().to_string().contains("leads out"), "{name}");
        assert!(store.head(&path).await.is_err(), "{name}");
        assert!(store.put(&path, "1".into()).await.is_err(), "{name}");
        assert!(store.put_multipart(&path).await.is_err(), "{name}");
        assert!(store.delete(&path).await.is_err(), "{name}");
    }
    assert_eq!(fs::read_dir(folder.path().join("secret")).unwrap().count(), 1);
}

#[tokio::test]
async fn a_folder_with_a_link_out_of_its_location_is_not_listed() {
    let (_folder, store, path) = with_location();
    for folder in ["", "link"] {
        let listed = store.list(Some(&path(folder))).try_collect::<Vec<_>>().await;
        assert!(listed.is_err(), "{folder}");
        assert!(store.list_with_delimiter(Some(&path(folder))).await.is_err(), "{folder}");
    }
}

#[tokio::test]
async fn what_belongs_to_no_location_is_found_by_links() {
    let (folder, store, _) = with_location();
    let path = folder.path().join("real/linked.csv");
    let path = Path::from_absolute_path(path).unwrap();
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "secret");
}

/// A folder `data` with a key and a table, and `other` with links into it.
fn with_private_folder() -> (tempfile::TempDir, LocalFiles, impl Fn(&str) -> Path) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    fs::create_dir_all(root.join("data/tables/t")).unwrap();
    fs::create_dir(root.join("other")).unwrap();
    for file in ["data/master-key", "data/tables/t/x.csv", "other/x.csv"] {
        fs::write(root.join(file), "1").unwrap();
    }
    symlink(root.join("data"), root.join("other/link")).unwrap();
    symlink(root.join("data/master-key"), root.join("other/key")).unwrap();
    symlink("../data/new", root.join("other/new")).unwrap();
    let private = PrivateFolder::new(&root.join("data"), "tables").unwrap();
    let store = LocalFiles::new(Arc::new(NoAccess));
    store.keep_out_of(private);
    (folder, store, move |name| match name {
        "" => Path::from_absolute_path(&root).unwrap(),
        name => Path::from_absolute_path(root.join(name)).unwrap(),
    })
}

#[tokio::test]
async fn the_private_folder_is_neither_read_nor_written() {
    let (_folder, store, path) = with_private_folder();
    for name in ["data/master-key", "data/x", "other/link/master-key", "other/key", "other/new"] {
        let path = path(name);
        let told = store.get(&path).await.unwrap_err().to_string();
        assert!(told.contains("the server's own folder"), "{name}: {told}");
        assert!(store.put(&path, "2".into()).await.is_err(), "{name}");
        assert!(store.put_multipart(&path).await.is_err(), "{name}");
        assert!(store.delete(&path).await.is_err(), "{name}");
        assert!(store.copy(&path, &Path::from("tmp/y")).await.is_err(), "{name}");
    }
    for folder in ["data", "other/link", "data/cache"] {
        let folder = path(folder);
        assert!(store.list(Some(&folder)).try_next().await.is_err(), "{folder}");
        assert!(store.list_with_delimiter(Some(&folder)).await.is_err(), "{folder}");
    }
}

#[tokio::test]
async fn what_else_there_is_is_read_and_listed() {
    let (_folder, store, path) = with_private_folder();
    for name in ["data/tables/t/x.csv", "other/x.csv", "other/link/tables/t/x.csv"] {
        assert_eq!(store.get(&path(name)).await.unwrap().bytes().await.unwrap(), "1", "{name}");
    }
    let listed: Vec<_> = store.list(Some(&path(""))).try_collect().await.unwrap();
    let names: Vec<_> = listed.iter().map(|found| found.location.to_string()).collect();
    assert!(names.contains(&path("data/tables/t/x.csv").to_string()), "{names:?}");
    let is_closed = |name: &String| name.ends_with("master-key") || name.ends_with("other/key");
    assert!(!names.iter().any(is_closed), "{names:?}");
    store.put(&path("data/tables/u/y.csv"), "2".into()).await.unwrap();
    let folders = store.list_with_delimiter(Some(&path("data/tables"))).await.unwrap();
    assert_eq!(folders.common_prefixes.len(), 2);
}

#[test]
fn a_place_is_known_by_where_links_lead() {
    let (folder, store, _) = with_private_folder();
    let root = folder.path();
    for name in
        ["data", "data/tables/new/x", "other/link/a/b", "other/key", "other/key/x", "other/new"]
    {
        assert!(store.check_in_bounds(&root.join(name)).is_err(), "{name}");
    }
    for name in ["", "other", "other/x.csv", "database", "nowhere/data"] {
        assert!(store.check_in_bounds(&root.join(name)).is_ok(), "{name}");
    }
}
