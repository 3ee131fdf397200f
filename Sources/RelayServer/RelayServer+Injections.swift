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
    /// A key is this call's from before it is looked for until its use is known, so that the same key is used once, however many
    /// clients come with it at the same time.
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
            try injections.map { injection in try injection.key.flatMap { try store.use(of: $0) } }
        }
        var results: [Result<InjectionOutcome, any Error>?] = Array(repeating: nil, count: injections.count)
        /// The first of these injections that has the name.
        var first: [[UInt8]: Int] = [:]
        var unsent: [Int] = []
        for (index, injection) in injections.enumerated() {
            if let key = injection.key, let use = uses[index] {
                results[index] = Self.result(of: use, asked: key)
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
                InjectionOutcome(id: $0.id, state: $0.state, isRepeated: true)
            }
        }
    }

    private static func result(of use: UsedKey, asked key: IdempotencyKey) -> Result<InjectionOutcome, any Error> {
        guard use.key == key else { return .failure(InjectionError.keyReused) }
        return .success(InjectionOutcome(id: use.id, state: use.answer, isRepeated: true))
    }

    /// A failure is let pass: the clients have been answered, and who asks again hears that the message is queued.
    private func noteAnswers(_ answers: [(key: IdempotencyKey, state: InjectionOutcome.State)]) async {
        guard answers.contains(where: { $0.state != .queued }) else { return }
        try? await self.groupCommit.perform { store in
            for answer in answers { try store.noteAnswer(answer.state, to: answer.key) }
        }
    }

    // MARK: Sending

    /// Sends what is not kept back by a key: first to the shards where the terminals should be, all that is for one shard at once, so
    /// that it goes to disk together; then one by one where a terminal has moved.
    private func send(_ injections: [Injection]) async -> [Result<InjectionOutcome, any Error>] {
        var results: [Result<InjectionOutcome, any Error>?] = Array(repeating: nil, count: injections.count)
        var batches: [[(index: Int, frame: ByteBuffer)]] = Array(repeating: [], count: self.shards.count)
        for (index, injection) in injections.enumerated() {
            do throws(InjectionError) {
                batches[self.shards[0].home(of: injection.destination)].append((index, try self.frame(of: injection)))
            } catch {
                results[index] = .failure(error)
            }
        }
        for (shard, batch) in zip(self.shards, batches) where !batch.isEmpty {
            let futures = try? await shard.eventLoop.submit {
                batch.map { shard.inject($0.frame, injections[$0.index]) }
            }.get()
            for (item, future) in zip(batch, futures ?? []) {
                guard let future else { continue }
                results[item.index] = await Self.result { try await future.get() }
            }
            for item in batch where results[item.index] == nil {
                results[item.index] = await Self.result { try await self.follow(item.frame, injections[item.index]) }
            }
        }
        return results.map { $0 ?? .failure(InjectionError.stopping) }
    }

    private static func result(
        _ body: () async throws -> InjectionOutcome
    ) async -> Result<InjectionOutcome, any Error> {
        do { return .success(try await body()) } catch { return .failure(error) }
    }

    /// Sends a frame to a terminal that may be on another shard than its home, or between two.
    private func follow(_ frame: ByteBuffer, _ injection: Injection) async throws -> InjectionOutcome {
        let ccid = injection.destination
        var index = self.shards[0].home(of: ccid)
        while true {
            let shard = self.shards[index]
            let place = try await shard.eventLoop.submit { shard.place(of: ccid) }.get()
            switch place {
            case .here:
                let outcome = try await shard.eventLoop.flatSubmit {
                    let outcome = shard.inject(frame, injection)
                    return outcome.map { $0.map(Optional.some) } ?? shard.eventLoop.makeSucceededFuture(nil)
                }.get()
                if let outcome { return outcome }
                index = shard.home(of: ccid)
            case .shard(let other): index = other
            case .moving: try await Task.sleep(for: .milliseconds(1))
            }
        }
    }

    /// The bytes that the destination gets.
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
