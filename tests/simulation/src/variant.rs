//! What the schedules are run with: all rules, or all but one. A variant that lacks one must be caught.

use ringtap::cluster::core::Rules;

/// What is weakened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variant {
    /// The rule's name, as in [`Rules`] or [`WorldRules`].
    pub name: &'static str,
    /// What the core follows.
    pub rules: Rules,
    /// What the world around it keeps to.
    pub world: WorldRules,
}

/// What the core relies on, and the runtime and Kafka see to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a rule that a weakened variant lacks")]
pub struct WorldRules {
    /// The ends of the ledger's partitions are their high watermarks, not their last stable offsets.
    pub high_watermark: bool,
    /// A checkpoint's index is as old as its positions.
    pub whole_checkpoint: bool,
    /// The owners topic never expires.
    pub owners_kept: bool,
    /// Data and what the ledger says of them are one transaction.
    pub one_transaction: bool,
    /// That a partition was read to its last stable offset is told too.
    pub stable_ends: bool,
}

impl WorldRules {
    /// All of them.
    pub const ALL: Self = Self {
        high_watermark: true,
        whole_checkpoint: true,
        owners_kept: true,
        one_transaction: true,
        stable_ends: true,
    };
}

/// The variant that lacks nothing.
pub const SOUND: Variant = Variant { name: "none", rules: Rules::ALL, world: WorldRules::ALL };

/// Makes the list of variants. Taking the rules apart without `..` keeps it complete: a new rule does not compile.
macro_rules! variants {
    (core: $($rule:ident)*; world: $($world:ident)*) => {
        /// Returns each variant that lacks one rule.
        pub fn weakened() -> Vec<Variant> {
            let Rules { $($rule: _),* } = Rules::ALL;
            let WorldRules { $($world: _),* } = WorldRules::ALL;
            vec![
                $(Variant { name: stringify!($rule), rules: Rules { $rule: false, ..Rules::ALL }, ..SOUND },)*
                $(Variant { name: stringify!($world), world: WorldRules { $world: false, ..WorldRules::ALL }, ..SOUND },)*
            ]
        }
    };
}

variants! {
    core: read_back in_flight_is_known fence read_to_high_watermark fence_before_high_watermark all_former_owners
        fence_who_hides first_of_generation new_session_after_unknown hello_before_own confirm_from_ledger release_behind_audit audit_again
        release_after_outcome void_releases rewind_after_take_over answer_skipped;
    world: high_watermark whole_checkpoint owners_kept one_transaction stable_ends
}

/// Returns the variant of this name.
pub fn named(name: &str) -> Option<Variant> {
    weakened().into_iter().find(|variant| variant.name == name)
}
