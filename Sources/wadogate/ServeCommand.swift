// `wadogate serve`: the process's life, from the configuration to the last answer.
import Configuration
import DiskCache
import EventLoop
import Glibc
import HTTPServer
import Operations

func serve(_ arguments: Arguments) -> ExitStatus {
    var configuration: Configuration
    do throws(ConfigurationError) {
        configuration = try ConfigurationFile.read(arguments).0
        configuration.cache.waitsForLock = arguments.has("take-over")
    } catch {
        ConfigurationFile.report(error)
        return .configuration
    }
    return GatewayProcess(configuration, reloadsOnHangup: true).run()
}

/// One gateway and the threads that it runs on, seen from the main thread.
final class GatewayProcess {
    let main = MainThread()
    let log: Log
    private let configuration: Configuration

    private let reloadsOnHangup: Bool

    /// - Parameter reloadsOnHangup: whether SIGHUP reloads what can be; else it ends the process, as SIGTERM does.
    init(_ configuration: Configuration, reloadsOnHangup: Bool = false) {
        self.configuration = configuration
        self.reloadsOnHangup = reloadsOnHangup
        log = Log(configuration.log)
    }

    /// Runs until a signal.
    ///
    /// - Parameter started: called on the main thread when everything listens; its answer, if any, ends the process.
    func run(started: (RunningGateway) -> ExitStatus? = { _ in nil }) -> ExitStatus {
        let loops: EventLoopGroup
        do throws(SystemError) {
            loops = try EventLoopGroup(count: configuration.loops ?? sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        } catch {
            complain("wadogate: \(error)\n")
            return .failure
        }
        for warning in configuration.warnings {
            log.write(.warning, "configuration", [("note", .text(warning.description))])
        }
        let workers = WorkerPool(threads: configuration.workers)
        guard let gateway = start(loops, workers) else {
            flushLog(on: loops)
            return .failure
        }
        announce(gateway)
        var status = started(gateway)
        while status == nil { if case .signal = next({ reload(gateway, loops) }) { status = .success } }
        let end = drain(gateway, loops, status ?? .success)
        flushLog(on: loops)
        return end
    }

    /// Nil when it could not begin, which has been said, or a signal came before it had.
    private func start(_ loops: EventLoopGroup, _ workers: WorkerPool) -> RunningGateway? {
        let started = Handover<Result<RunningGateway, StartError>>()
        loops.loops[0].spawn { [configuration, log, main] in
            do throws(StartError) {
                started.put(.success(try await RunningGateway(configuration, log: log, loops: loops, workers: workers)))
            } catch {
                started.put(.failure(error))
            }
            main.finish(.success)
        }
        guard case .finished = next() else { return nil }
        switch started.take() {
        case .success(let gateway)?: return gateway
        case .failure(let error)?:
            log.write(.error, "cannot start", [("reason", .text(error.description))])
            complain("wadogate: \(error)\n")
            return nil
        case nil: return nil
        }
    }

    /// Waits for what ends a step. A hangup while nothing can be reloaded is passed over.
    private func next(_ hangup: () -> Void = {}) -> MainThread.Event {
        while true {
            let event = main.next()
            guard reloadsOnHangup, event == .signal(SIGHUP) else { return event }
            hangup()
        }
    }

    private func reload(_ gateway: RunningGateway, _ loops: EventLoopGroup) {
        log.write(.info, "configuration is read at the start only; TLS files are reloaded")
        loops.loops[0].spawn { await gateway.reload() }
    }

    /// The log's lines are for machines; one line on standard output is for whoever started it.
    private func announce(_ gateway: RunningGateway) {
        let scheme = configuration.tls == nil ? "http" : "https"
        for address in gateway.addresses {
            log.write(.info, "listening", [("listener", .text("gateway")), ("url", .text("\(scheme)://\(address)"))])
        }
        for address in gateway.adminAddresses {
            log.write(.info, "listening", [("listener", .text("admin")), ("url", .text("http://\(address)"))])
        }
        let ours = gateway.addresses.map { "\(scheme)://\($0)" }.joined(separator: " ")
        let admin = gateway.adminAddresses.map { " http://\($0)" }.joined()
        say("wadogate listens on \(ours)\(admin.isEmpty ? "" : ", admin on\(admin)")\n")
    }

    /// A second signal ends the process at once.
    private func drain(_ gateway: RunningGateway, _ loops: EventLoopGroup, _ status: ExitStatus) -> ExitStatus {
        let loop = loops.loops[0]
        loop.spawn { [main] in
            await gateway.drain(on: loop)
            main.finish(status)
        }
        guard case .finished(let status) = next() else {
            log.write(.warning, "stopped at once, by a second signal")
            return .failure
        }
        return status
    }

    /// A reader of the log that is stuck can't keep the process.
    private func flushLog(on loops: EventLoopGroup) {
        loops.loops[0].spawn { [log, main] in
            await log.flush()
            main.finish(.success)
        }
        _ = main.next(timeout: .seconds(1))
    }
}
