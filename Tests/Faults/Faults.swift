import Testing

/// What goes wrong around a relay, done on purpose to the real one. All suites are nested here and run one after the other: they
/// load the machine, and each must be judged alone.
@Suite(.serialized)
enum Faults {}
