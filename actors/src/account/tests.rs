mod blocking;
mod faults;
mod offline;
mod presence;
mod shared_groups;
