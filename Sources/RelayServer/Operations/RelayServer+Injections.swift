import NIOCore
import RelayCore
import TTMSProtocol

// Frames from operators.
extension RelayServer {
    /// See ``RelayOperations/inject(_:)``.
    public func inject(_ injection: Injection) async throws -> InjectionOutcome {
        guard let outcome = await self.injectAll([injection]).first else { throw InjectionError.stopping }
        return try outcome.get()
    }

    /// See ``RelayOperations/injectAll(_:)``.
    ///
    /// This call holds a key from before its use is read until its use is recorded. The same key is thus used once, however many
    /// clients send it at the same time.
    public func injectAll(_ injections: [Injection]) async -> [Result<InjectionOutcome, any Error>] {
        let names = Set(injections.compactMap(\.key?.name))
        guard !names.isEmpty else { return await self.send(injections) }
        await self.keys.take(names)
        defer { self.keys.giveBack(names) }
        do {
            return try await self.injectKeyed(injections)
        } catch {
            return injections.map { _ in .failure(error) }
        }
    }

    private func injectKeyed(_ injections: [Injection]) async throws -> [Result<InjectionOutcome, any Error>] {
        let uses = try await self.groupCommit.perform { store in
            try injections.map { injection in
                try injection.key.flatMap { try store.use(of: $0) }.map { use in
                    (use: use, isTraced: try store.trace(of: use.id) != nil)
                }
            }
        }
        var results: [Result<InjectionOutcome, any Error>?] = Array(repeating: nil, count: injections.count)
        /// The first of these injections with each name.
        var first: [[UInt8]: Int] = [:]
        var unsent: [Int] = []
        for (index, injection) in injections.enumerated() {
            if let key = injection.key, let use = uses[index] {
                results[index] = Self.result(of: use.use, asked: key, isTraced: use.isTraced)
            } else if let key = injection.key, first.updateValue(first[key.name] ?? index, forKey: key.name) != nil {
                continue
            } else {
                unsent.append(index)
            }
        }
        for (index, result) in zip(unsent, await self.send(unsent.map { injections[$0] })) { results[index] = result }
        await self.noteAnswers(
            unsent.compactMap { index in
                guard let key = injections[index].key, case .success(let outcome) = results[index] else { return nil }
                return (key, outcome.state)
            }
        )
        return injections.indices.map { index in
            if let result = results[index] { return result }
            guard let key = injections[index].key, let original = first[key.name].map({ (injections[$0], results[$0]) }) else {
                return .failure(InjectionError.stopping)
            }
            guard original.0.key == key else { return .failure(InjectionError.keyReused) }
            return (original.1 ?? .failure(InjectionError.stopping)).map {
                InjectionOutcome(id: $0.id, state: $0.state, isRepeated: true, isTraced: $0.isTraced)
            }
        }
    }

    private static func result(
        of use: UsedKey,
        asked key: IdempotencyKey,
        isTraced: Bool
    ) -> Result<InjectionOutcome, any Error> {
        guard use.key == key else { return .failure(InjectionError.keyReused) }
        return .success(InjectionOutcome(id: use.id, state: use.answer, isRepeated: true, isTraced: isTraced))
    }

    /// Records the answers given for keys. A failure is ignored: the clients have been answered, and a repeated request returns
    /// that the message is queued.
    private func noteAnswers(_ answers: [(key: IdempotencyKey, state: InjectionOutcome.State)]) async {
        guard answers.contains(where: { $0.state != .queued }) else { return }
        try? await self.groupCommit.perform { store in
            for answer in answers { try store.noteAnswer(answer.state, to: answer.key) }
        }
    }

    // MARK: Sending

    /// A frame, and the shard where its terminal should be.
    private struct Sending: Sendable {
        /// The index of its injection.
        var index: Int
        var frame: ByteBuffer
        var shard: Int
    }

    /// The result of passing a frame to a shard.
    fileprivate enum Step: Sendable {
        case taken(EventLoopFuture<InjectionOutcome>)
        /// Its terminal is, or will be, elsewhere.
        case elsewhere(TerminalPlace)
    }

    /// Sends injections that their keys do not exclude: all frames for a shard at once, and those of all shards in one commit.
    /// Frames whose terminal has moved follow it in further rounds, all of one terminal together, so that they stay in order.
    private func send(_ injections: [Injection]) async -> [Result<InjectionOutcome, any Error>] {
        var results = [Result<InjectionOutcome, any Error>](
            repeating: .failure(InjectionError.stopping),
            count: injections.count
        )
        var sendings: [Sending] = []
        for (index, injection) in injections.enumerated() {
            do throws(InjectionError) {
                let frame = try self.frame(of: injection)
                sendings.append(Sending(index: index, frame: frame, shard: self.shards[0].home(of: injection.destination)))
            } catch {
                results[index] = .failure(error)
            }
        }
        var outcomes: [(index: Int, future: EventLoopFuture<InjectionOutcome>)] = []
        for start in stride(from: 0, to: sendings.count, by: Self.turn) {
            let part = sendings[start..<min(start + Self.turn, sendings.count)]
            outcomes += await self.deliver(Array(part), injections)
        }
        for (index, future) in outcomes {
            do { results[index] = .success(try await future.get()) } catch { results[index] = .failure(error) }
        }
        return results
    }

    /// The maximum number of frames that event loops take in one turn: about 2 ms. Most requests for
    /// ``RelayOperations/injectAll(_:)`` have fewer, which then share a commit; those of larger ones share several.
    private static let turn = 1_000

    /// Passes frames to the shards of their terminals.
    ///
    /// - Returns: the future outcome of each; none for an event loop that has ended.
    private func deliver(
        _ sendings: [Sending],
        _ injections: [Injection]
    ) async -> [(index: Int, future: EventLoopFuture<InjectionOutcome>)] {
        var outcomes: [(index: Int, future: EventLoopFuture<InjectionOutcome>)] = []
        var sendings = sendings
        while !sendings.isEmpty {
            var isMoving = false
            var rest: [Sending] = []
            for (var sending, step) in await self.post(sendings, injections) {
                switch step {
                case .taken(let future): outcomes.append((sending.index, future))
                case .elsewhere(.shard(let other)):
                    sending.shard = other
                    rest.append(sending)
                case .elsewhere(.moving), .elsewhere(.here):
                    isMoving = true
                    rest.append(sending)
                }
            }
            sendings = rest
            if isMoving { try? await Task.sleep(for: .milliseconds(1)) }
        }
        return outcomes
    }

    /// Runs one round.
    ///
    /// - Returns: the steps of all frames except those for an event loop that has ended.
    private func post(_ sendings: [Sending], _ injections: [Injection]) async -> [(Sending, Step)] {
        let batches = Dictionary(grouping: sendings, by: \.shard)
        let steps = { @Sendable () async -> [(Sending, Step)] in
            let rounds = batches.map { index, batch in
                let shard = self.shards[index]
                return shard.eventLoop.submit {
                    // Items that the shard had for the store come first, in the same submission.
                    defer { shard.submit() }
                    return batch.map { shard.step($0.frame, injections[$0.index]) }
                }
            }
            var steps: [(Sending, Step)] = []
            for ((_, batch), round) in zip(batches, rounds) { steps += zip(batch, (try? await round.get()) ?? []) }
            return steps
        }
        return batches.count > 1 ? await self.groupCommit.together(steps) : await steps()
    }

    /// The bytes that the destination receives.
    private func frame(of injection: Injection) throws(InjectionError) -> ByteBuffer {
        let room = self.options.session.maximumFrameSize - Frame.minimumSize
        var frame = ByteBuffer()
        let isWritten = frame.writeFrame(
            header: Frame.forwardHeader,
            address: injection.source,
            command: .data,
            content: injection.payload
        )
        guard isWritten, injection.payload.count <= room else { throw .payloadTooLong(maximumPayload: room) }
        return frame
    }

    // MARK: Preview

    /// See ``RelayOperations/preview(_:)``.
    public func preview(_ injection: Injection) async throws -> InjectionPreview {
        let frame = try self.frame(of: injection)
        let ccid = injection.destination
        let size = frame.readableBytes
        let preview = try await self.groupCommit.perform { store in
            let preview = try store.preview(size: size, to: ccid, timeToLive: injection.timeToLive)
            return InjectionPreview(
                frame: Array(frame.readableBytesView),
                store: preview,
                expiresAt: preview.timeToLive == 0 ? nil : store.now.advanced(bySeconds: Int64(preview.timeToLive))
            )
        }
        return InjectionPreview(
            frame: preview.frame,
            store: preview.store,
            expiresAt: preview.expiresAt.map(self.steadyClock.wallTime(of:))
        )
    }
}

extension Shard {
    /// Accepts a frame from an operator, or returns the place of its terminal.
    fileprivate func step(_ frame: ByteBuffer, _ injection: Injection) -> RelayServer.Step {
        self.inject(frame, injection).map { .taken($0) } ?? .elsewhere(self.place(of: injection.destination))
    }
}
