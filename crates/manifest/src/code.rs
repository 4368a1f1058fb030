//! The stable codes of what can be wrong with a manifest.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What kind of problem a [`Diagnostic`](crate::Diagnostic) tells of.
        ///
        /// Each has a page `docs/errors/<code>.md`. Codes are never given a new meaning.
        #[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// All codes, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as it is printed: three capital letters and three digits.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    /// The text is not YAML or JSON.
    Syntax = "APP001",
    /// A bound on size, depth or number is exceeded.
    TooLarge = "APP002",
    /// A feature of YAML that manifests do not use.
    YamlFeature = "APP003",
    /// A key stands twice in one mapping.
    DuplicateKey = "APP004",
    /// A field that does not exist there.
    UnknownField = "APP005",
    /// A required field is missing.
    MissingField = "APP006",
    /// A value of another type than the field has.
    WrongType = "APP007",
    /// `apiVersion` or `kind` is not that of an application.
    WrongKind = "APP008",
    /// The name of the application is not allowed.
    ApplicationName = "APP009",
    /// The version is not allowed.
    Version = "APP010",
    /// The key of an annotation or label is not allowed.
    MetadataKey = "APP011",
    /// A digest annotation names no component or holds no digest.
    DigestAnnotation = "APP012",
    /// The type of a component does not exist.
    ComponentType = "APP013",
    /// Two components have one name.
    DuplicateName = "APP014",
    /// Two components have one id.
    DuplicateId = "APP015",
    /// An id cannot be used in the lattice.
    Id = "APP016",
    /// Both or neither of `image` and `application` are given.
    ImageOrApplication = "APP017",
    /// An image reference is malformed.
    Image = "APP018",
    /// A component of another application is referred to.
    SharedReference = "APP019",
    /// Secrets are used.
    Secrets = "APP020",
    /// A secret does not match a policy.
    SecretPolicy = "APP021",
    /// A trait of unknown type is ignored.
    UnknownTrait = "APP022",
    /// A Weft trait of unknown type, or one that does not belong there.
    WeftTrait = "APP023",
    /// A trait stands twice, or two traits exclude each other.
    ConflictingTraits = "APP024",
    /// A component has no trait that says how many instances may run.
    NoScaler = "APP025",
    /// The groups of a spread contradict each other.
    Spread = "APP026",
    /// A number, size or duration is out of bounds or malformed.
    Quantity = "APP027",
    /// The file of an image cannot be used. Told by callers that look at files; this crate does not.
    ImageFile = "APP028",
    /// A link to a component that is not in the manifest.
    LinkTarget = "LNK001",
    /// Links of one component lead one interface to two targets.
    LinkConflict = "LNK002",
    /// Two links of one component are the same.
    LinkDuplicate = "LNK003",
    /// A link names no interface, or what it names is not a WIT name.
    LinkName = "LNK004",
    /// An interface that its well-known package does not have.
    UnknownInterface = "LNK005",
    /// A package or namespace that looks mistyped.
    PackageTypo = "LNK006",
    /// A link is written in the deprecated form.
    LinkDeprecated = "LNK007",
    /// A link gives one thing in the deprecated and in the present form.
    LinkBothForms = "LNK008",
    /// A value of a config is not a text.
    ConfigValue = "CFG001",
    /// Two configs with one name have different content.
    ConfigConflict = "CFG002",
    /// The name of a config is not allowed.
    ConfigName = "CFG003",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
