/// What can be wrong with the simulated parts, so that it is seen whether the claims notice it.
enum PlantedFault: CaseIterable {
    /// A socket says that one byte more is acknowledged than is.
    case socketAcknowledgesTooMuch
    /// A byte changes on its way.
    case socketSpoilsByte
    /// The store answers for a frame that it has dropped.
    case storeDropsFrame
    /// The store keeps a frame twice.
    case storeDoublesFrame
    /// The store changes the order of two frames.
    case storeSwapsFrames
    /// The store answers before it has synced.
    case storeAnswersBeforeCommit
    /// The store does not do a removal.
    case storeForgetsRemoval
}
