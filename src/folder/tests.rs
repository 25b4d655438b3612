//! What is left when a step fails, and who may use what was replaced.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A folder with the file `name` in it, removed in the end.
struct Kept(PathBuf);

impl Kept {
    fn new() -> Kept {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sentinel-folder-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        fs::write(path.join("name"), "old").unwrap();
        Kept(path)
    }

    fn files(&self) -> Vec<(String, String)> {
        let entries = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap());
        let text = |path| fs::read_to_string(path).unwrap_or_else(|_| "a folder".to_owned());
        let mut files: Vec<_> = entries.map(|entry| (entry.file_name().into_string().unwrap(), text(entry.path()))).collect();
        files.sort();
        files
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn files(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn nothing_is_left_of_a_replacement_that_fails() {
    let kept = Kept::new();
    let folder = Folder::open(&kept.0).unwrap();
    let before = kept.files();
    let long = "x".repeat(300);
    let error = folder.replace("name".as_ref(), b"new", Some(long.as_ref())).unwrap_err();
    assert_eq!(error.to_string(), format!("the old file cannot be kept as {long}: File name too long (os error 36)"));
    assert_eq!(kept.files(), before);
    let error = folder.create("name".as_ref(), b"new").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(error.to_string(), "the new file cannot take its place: File exists (os error 17)");
    assert_eq!(kept.files(), before);
}

#[test]
fn what_a_crash_left_is_no_hindrance_but_a_folder_is() {
    let kept = Kept::new();
    let folder = Folder::open(&kept.0).unwrap();
    fs::write(kept.0.join("name.sentinel-new"), "half").unwrap();
    folder.replace("name".as_ref(), b"new", Some("kept".as_ref())).unwrap();
    assert_eq!(kept.files(), files(&[("kept", "old"), ("name", "new")]));
    fs::create_dir(kept.0.join("name.sentinel-new")).unwrap();
    let error = folder.replace("name".as_ref(), b"newer", None).unwrap_err();
    assert_eq!(error.to_string(), "name.sentinel-new cannot be removed: Is a directory (os error 21)");
    assert_eq!(kept.files(), files(&[("kept", "old"), ("name", "new"), ("name.sentinel-new", "a folder")]));
}

#[test]
fn one_has_the_folder_at_a_time() {
    let kept = Kept::new();
    let [first, second] = [(); 2].map(|()| Folder::open(&kept.0).unwrap());
    assert!(first.try_lock().unwrap() && !second.try_lock().unwrap());
    drop(first);
    assert!(second.try_lock().unwrap());
}
