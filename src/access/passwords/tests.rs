//! What checks cost, counted: the check itself is the test's, which lets it end when it says so.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};

use tokio::task::JoinHandle;

use super::places::{MAX_WAITING, MAX_WAITING_OF_ONE};
use super::*;

/// Checks that wait for a word of the test.
struct Held {
    passwords: Arc<Passwords>,
    users: Arc<Users>,
    /// Checks that have begun, and that run.
    begun: Arc<AtomicUsize>,
    running: Arc<AtomicUsize>,
    release: Sender<()>,
}

/// Two users; the right password of each is its hash.
fn held() -> Held {
    let (release, released) = channel::<()>();
    let (begun, running) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let released = Mutex::new(released);
    let verify = {
        let (begun, running) = (begun.clone(), running.clone());
        move |password: &[u8], hash: &str| {
            begun.fetch_add(1, Ordering::SeqCst);
            assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "two at a time");
            // Broken code may never be told: that is a failure, not a test that hangs.
            let _ = locked(&released).recv_timeout(Duration::from_secs(20));
            running.fetch_sub(1, Ordering::SeqCst);
            password == hash.as_bytes()
        }
    };
    let users = [("a", "hash of a"), ("b", "hash of b")].map(|(name, hash)| (name.to_owned(), Secret::new(hash)));
    Held {
        passwords: Arc::new(Passwords::with(Arc::new(verify)).unwrap()),
        users: Arc::new(Users::new(users.into())),
        begun,
        running,
        release,
    }
}

impl Held {
    fn ask(&self, user: &str, password: &str, peer: u8) -> JoinHandle<Verdict> {
        self.ask_from(user, password, [10, 0, 0, peer].into())
    }

    fn ask_from(&self, user: &str, password: &str, peer: IpAddr) -> JoinHandle<Verdict> {
        let credentials = Credentials { user: user.into(), password: password.into() };
        let (passwords, users) = (self.passwords.clone(), self.users.clone());
        tokio::spawn(async move { passwords.check(&users, credentials, peer).await })
    }

    /// Lets one check end.
    fn release(&self) {
        self.release.send(()).unwrap();
    }

    async fn wait_for(&self, begun: usize) {
        while self.begun.load(Ordering::SeqCst) < begun {
            tokio::task::yield_now().await;
        }
    }

    /// The answer to a question that needs one check, or none.
    async fn answer(&self, user: &str, password: &str, checks: usize) -> Verdict {
        let before = self.begun.load(Ordering::SeqCst);
        let asked = self.ask(user, password, 1);
        (0..checks).for_each(|_| self.release());
        let verdict = asked.await.unwrap();
        assert_eq!(self.begun.load(Ordering::SeqCst) - before, checks, "checks of {user} with {password}");
        verdict
    }
}

#[tokio::test]
async fn what_was_right_once_is_known_without_a_check() {
    let mut held = held();
    assert_eq!(held.answer("a", "hash of a", 1).await, Verdict::Known);
    assert_eq!(held.answer("a", "hash of a", 0).await, Verdict::Known);
    assert_eq!(held.answer("b", "hash of b", 1).await, Verdict::Known);
    // The same password is nothing to another user, and what was wrong is checked each time.
    assert_eq!(held.answer("b", "hash of a", 1).await, Verdict::Unknown);
    assert_eq!(held.answer("b", "hash of a", 1).await, Verdict::Unknown);
    // Another hash, another check.
    held.users = Arc::new(Users::new(vec![("a".to_owned(), Secret::new("new"))]));
    assert_eq!(held.answer("a", "hash of a", 1).await, Verdict::Unknown);
    assert_eq!(held.answer("a", "new", 1).await, Verdict::Known);
}

#[tokio::test]
async fn a_name_that_nobody_has_costs_as_much_and_gets_nowhere() {
    let held = held();
    for name in ["", "c", "d", "A"] {
        for password in ["hash of a", "hash of b", "x", "x"] {
            assert_eq!(held.answer(name, password, 1).await, Verdict::Unknown);
        }
    }
}

#[tokio::test]
async fn a_burst_of_wrong_passwords_is_one_check_at_a_time_and_delays_nobody_who_is_known() {
    let held = held();
    assert_eq!(held.answer("a", "hash of a", 1).await, Verdict::Known);
    let burst: Vec<_> = (0..1000).map(|at| held.ask("a", &format!("wrong {at}"), (at % 100) as u8)).collect();
    held.wait_for(2).await;
    // While one runs and others wait, and nothing ends.
    for _ in 0..100 {
        assert_eq!(held.answer("a", "hash of a", 0).await, Verdict::Known);
    }
    assert_eq!((held.begun.load(Ordering::SeqCst), held.running.load(Ordering::SeqCst)), (2, 1));
    (0..MAX_WAITING).for_each(|_| held.release());
    let mut refused = 0;
    for asked in burst {
        refused += usize::from(asked.await.unwrap() == Verdict::Busy);
    }
    assert_eq!(refused, 1000 - MAX_WAITING);
    assert_eq!(held.begun.load(Ordering::SeqCst), 1 + MAX_WAITING);
    assert_eq!(held.passwords.places.count(), 0);
}

#[tokio::test]
async fn one_address_leaves_room_for_others() {
    let held = held();
    let burst: Vec<_> = (0..100).map(|at| held.ask("a", &format!("wrong {at}"), 1)).collect();
    let right = held.ask("a", "hash of a", 2);
    // No place is free again before all have asked.
    settle().await;
    // Four of the one and one of the other.
    (0..5).for_each(|_| held.release());
    assert_eq!(right.await.unwrap(), Verdict::Known);
    let mut checked = 0;
    for asked in burst {
        checked += usize::from(asked.await.unwrap() == Verdict::Unknown);
    }
    assert_eq!((checked, held.begun.load(Ordering::SeqCst)), (MAX_WAITING_OF_ONE, 5));
}

/// Has so many wrong passwords wait, of as many addresses in turn, and lets them all wait.
async fn crowd(held: &Held, addresses: u8) -> Vec<JoinHandle<Verdict>> {
    let crowd: Vec<_> = (0..200).map(|at| held.ask("a", &format!("wrong {at}"), at % addresses)).collect();
    while held.passwords.places.count() < MAX_WAITING || crowd.iter().filter(|asked| !asked.is_finished()).count() > MAX_WAITING {
        tokio::task::yield_now().await;
    }
    crowd
}

/// Lets every task run until it waits.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Lets all checks end, and gives the verdict of one of them.
async fn verdict(held: &Held, asked: JoinHandle<Verdict>) -> Verdict {
    settle().await;
    (0..MAX_WAITING + 1).for_each(|_| held.release());
    asked.await.unwrap()
}

#[tokio::test]
async fn who_takes_many_places_makes_room_for_another() {
    // As many addresses as fill the queue, with four places of each, and with two or three.
    for addresses in [8, 12] {
        let held = held();
        let crowd = crowd(&held, addresses).await;
        let asked = held.ask("b", "hash of b", 200);
        assert_eq!(verdict(&held, asked).await, Verdict::Known, "{addresses}");
        let mut checked = 0;
        for asked in crowd {
            checked += usize::from(asked.await.unwrap() == Verdict::Unknown);
        }
        assert_eq!(checked, MAX_WAITING - 1);
        assert_eq!(held.passwords.places.count(), 0);
    }
}

#[tokio::test]
async fn who_was_right_before_comes_first() {
    let held = held();
    assert_eq!(held.answer("a", "hash of a", 1).await, Verdict::Known);
    // One place each: a stranger finds none, and whoever was right at its address does, with a new password too.
    let _crowd = crowd(&held, 100).await;
    assert_eq!(held.ask("b", "hash of b", 200).await.unwrap(), Verdict::Busy);
    let asked = held.ask("b", "hash of b", 1);
    assert_eq!(verdict(&held, asked).await, Verdict::Known);
}

#[tokio::test]
async fn whoever_has_a_network_of_ipv6_has_one_address() {
    let held = held();
    let from = |at: u16, last: u16| IpAddr::from([0x2001, 0xdb8, 0, at, 0, 0, 0, last]);
    let asked: Vec<_> = (0..100).map(|at| held.ask_from("a", &format!("wrong {at}"), from(1, at))).collect();
    let right = held.ask_from("b", "hash of b", from(2, 1));
    assert_eq!(verdict(&held, right).await, Verdict::Known);
    let mut checked = 0;
    for asked in asked {
        checked += usize::from(asked.await.unwrap() == Verdict::Unknown);
    }
    assert_eq!(checked, MAX_WAITING_OF_ONE);
}

#[tokio::test]
async fn two_that_come_at_once_with_the_same_cost_one_check() {
    let held = held();
    let asked: Vec<_> = (0..4).map(|_| held.ask("a", "hash of a", 1)).collect();
    held.release();
    for asked in asked {
        assert_eq!(asked.await.unwrap(), Verdict::Known);
    }
    assert_eq!(held.begun.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_client_that_goes_away_gives_its_place_but_not_a_running_turn() {
    let held = held();
    let gone: Vec<_> = (0..4).map(|at| held.ask("a", &format!("wrong {at}"), 1)).collect();
    held.wait_for(1).await;
    for gone in gone {
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
    }
    assert_eq!(held.passwords.places.count(), 0);
    // The check that runs goes on; the next begins when it has ended.
    let right = held.ask("b", "hash of b", 1);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(held.begun.load(Ordering::SeqCst), 1);
    held.release();
    held.release();
    assert_eq!(right.await.unwrap(), Verdict::Known);
    assert_eq!(held.begun.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_is_known_is_bounded() {
    let held = held();
    for at in 0..MAX_VERIFIED + 10 {
        remember(&held.passwords.verified, vec![at as u8; 2]);
    }
    assert_eq!(locked(&held.passwords.verified).len(), MAX_VERIFIED);
}

#[test]
fn hashes_are_understood_as_mkpasswd_makes_them() {
    let known = |password: &str, hash: &str| bcrypt::verify(password, hash).unwrap();
    let hash = "$2b$04$7iTRsm9VN.2r.aNenrfDJugEjcY6PESP47LP1rK9DV.x4GdMA5WkC";
    for version in ["$2a$", "$2b$", "$2y$"] {
        assert!(known("correct horse", &hash.replace("$2b$", version)), "{version}");
    }
    assert!(!known("correct horse ", hash));
    // Of 80 letters; the first 72 count.
    let hash = "$2y$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i";
    assert_eq!([71, 72, 100].map(|length| known(&"x".repeat(length), hash)), [false, true, true]);
}
