//! Kinds of keys.

use clap::ValueEnum;
use nkeys::KeyPairType;

/// A kind of key, told by the first letter of its public half.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, ValueEnum)]
pub(crate) enum Kind {
    /// `A`: signs components and providers
    Account,
    /// `M`: stands for a component
    #[value(alias = "module")]
    Component,
    /// `V`: stands for a provider
    #[value(alias = "service")]
    Provider,
    /// `O`: signs accounts
    Operator,
    /// `N`: stands for a host
    #[value(alias = "server")]
    Host,
    /// `C`: stands for a cluster of hosts
    Cluster,
    /// `U`: lets a user of NATS in
    User,
    /// `X`: seals secrets, and signs nothing
    Curve,
}

// ===== impl Kind =====

impl Kind {
    /// All kinds.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 8] = [
        Self::Account,
        Self::Component,
        Self::Provider,
        Self::Operator,
        Self::Host,
        Self::Cluster,
        Self::User,
        Self::Curve,
    ];

    /// The word for it, as it is given to commands.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Component => "component",
            Self::Provider => "provider",
            Self::Operator => "operator",
            Self::Host => "host",
            Self::Cluster => "cluster",
            Self::User => "user",
            Self::Curve => "curve",
        }
    }

    /// The kind of key pair; `None` for curve keys, which are of another form.
    pub(super) fn pair_type(self) -> Option<KeyPairType> {
        Some(match self {
            Self::Account => KeyPairType::Account,
            Self::Component => KeyPairType::Module,
            Self::Provider => KeyPairType::Service,
            Self::Operator => KeyPairType::Operator,
            Self::Host => KeyPairType::Server,
            Self::Cluster => KeyPairType::Cluster,
            Self::User => KeyPairType::User,
            Self::Curve => return None,
        })
    }

    pub(super) fn of_pair(pair: &KeyPairType) -> Option<Self> {
        Some(match pair {
            KeyPairType::Account => Self::Account,
            KeyPairType::Module => Self::Component,
            KeyPairType::Service => Self::Provider,
            KeyPairType::Operator => Self::Operator,
            KeyPairType::Server => Self::Host,
            KeyPairType::Cluster => Self::Cluster,
            KeyPairType::User => Self::User,
            KeyPairType::Curve => Self::Curve,
        })
    }
}
