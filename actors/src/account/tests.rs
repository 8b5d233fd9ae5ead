mod blocking;
mod faults;
mod offline;
mod presence;
mod shared_groups;

/// What an idle user costs is mostly the runtime's; ours stays small.
#[test]
fn an_account_is_small() {
    assert!(size_of::<super::Account>() <= 160);
    assert!(size_of::<super::Told>() <= 64);
    assert!(size_of::<crate::handle::SessionHandle>() <= 256);
}
