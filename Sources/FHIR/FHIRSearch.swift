// The questions that the gateway asks a FHIR server, and what its answers mean (PROTOCOL D.5). Sends nothing itself.
package import DICOM
package import HTTP

/// Builds the requests for one server.
package struct FHIRSearch: Sendable {
    /// The server's base, without trailing slash.
    package let base: HTTPURL

    package init(base: HTTPURL) {
        self.base = base.withoutTrailingSlash
    }

    /// One way of asking for a study.
    package enum Form: Int, Sendable, CaseIterable {
        /// `identifier=urn:dicom:uid|urn:oid:{uid}`: right from R4 on.
        case identifier
        /// For servers that store the identifier without its system.
        case identifierValue
        /// For servers that store the bare UID.
        case bareUID
        /// STU3, whose UID is an element of its own.
        case study
    }

    /// The search for a study.
    ///
    /// - Parameter includesEndpoints: ask for the endpoints in the same answer; some servers refuse that.
    package func studyURL(_ study: UID, form: Form, includesEndpoints: Bool = true) -> HTTPURL {
        let criterion =
            switch form {
            case .identifier: "identifier=urn:dicom:uid%7Curn:oid:\(study)"
            case .identifierValue: "identifier=urn:oid:\(study)"
            case .bareUID: "identifier=\(study)"
            case .study: "study=urn:oid:\(study)"
            }
        let include = includesEndpoints ? "&_include=ImagingStudy:endpoint" : ""
        return base.appending(path: "ImagingStudy", query: criterion + include)
    }

    /// The read of one resource by its canonical reference: "Endpoint/1" on this server, or a whole URL.
    ///
    /// - Returns: nil when the reference is neither; a relative one must be a type and a FHIR id.
    package func readURL(_ reference: String) -> HTTPURL? {
        if let url = HTTPURL(reference) { return url }
        let parts = reference.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, Self.isID(parts[1]), parts[0].utf8.allSatisfy({ 0x41...0x5a ~= $0 & 0xdf }) else {
            return nil
        }
        return base.appending(path: reference, query: nil)
    }

    /// Whether a text is a FHIR id: 1 to 64 letters, digits, "-" and "."; "_" too, which servers use in spite of the rule.
    static func isID(_ text: some StringProtocol) -> Bool {
        (1...64).contains(text.utf8.count) && text != "." && text != ".."
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}

/// Follows the pages of one search, within bounds.
package struct SearchPaging: Sendable {
    /// What comes after a page.
    package enum Decision: Sendable, Equatable {
        case done
        case follow(HTTPURL)
        /// The server's paging cannot be trusted; a sentence for the log.
        case refuse(String)
    }

    /// How far one search may go.
    package struct Limits: Sendable {
        package var pages = 50
        /// Over all pages.
        package var bytes = 32 << 20
        package init() {}
    }

    private let base: HTTPURL
    private let limits: Limits
    private var visited: Set<HTTPURL>
    private var bytes = 0

    package init(base: HTTPURL, first: HTTPURL, limits: Limits = Limits()) {
        self.base = base
        self.limits = limits
        visited = [first]
    }

    /// How much the next page may hold.
    package var bytesLeft: Int { max(0, limits.bytes - bytes) }

    /// What to do after a page: its `next` link is followed only under the server's base, never twice, never without end.
    ///
    /// - Parameters:
    ///   - requested: the page's own address, against which a relative link resolves.
    ///   - size: the page's size in bytes.
    package mutating func decide(after page: FHIRDocument, requested: HTTPURL, size: Int) -> Decision {
        bytes += size
        guard let next = page.next else { return .done }
        guard let url = HTTPURL(next) ?? requested.resolving(next) else { return .refuse("its next link is no URL") }
        let target = page.base.rebased(url)
        guard base.contains(target) else { return .refuse("its next link leads away from its base") }
        guard visited.count < limits.pages else { return .refuse("it has more than \(limits.pages) pages") }
        guard visited.insert(target).inserted else { return .refuse("its pages lead in a circle") }
        guard bytes < limits.bytes else { return .refuse("its pages hold more than \(limits.bytes) bytes") }
        return .follow(target)
    }
}

/// What a FHIR server's answer means for a look-up.
package enum ServerVerdict: Sendable, Equatable {
    /// Read the body.
    case content
    case notModified
    /// Nothing of that identity, now or any more.
    case absent
    /// The server does not understand this form of the question; another may do.
    case refusesForm
    /// The server, or the way to it, fails; a sentence without addresses.
    case failing(timedOut: Bool, String)

    /// By HTTP status (PROTOCOL D.5). A search that is itself "not found" means a wrong base, not an absent study.
    package init(status: Int, isSearch: Bool) {
        switch status {
        case 200: self = .content
        case 304: self = .notModified
        case 404 where !isSearch, 410: self = .absent
        case 400, 405, 422, 501: self = .refusesForm
        case 401, 403: self = .failing(timedOut: false, "it refuses the gateway's credentials (HTTP \(status))")
        case 404: self = .failing(timedOut: false, "it has no ImagingStudy search at the configured URL (HTTP 404)")
        case 408, 504: self = .failing(timedOut: true, "HTTP \(status)")
        default: self = .failing(timedOut: false, "HTTP \(status)")
        }
    }

    /// By the OperationOutcome of an answer that holds no study; nil when none of its issues is an error.
    package init?(issues: [OutcomeIssue]) {
        guard let issue = issues.first(where: { $0.severity == "fatal" }) ?? issues.first(where: \.isError) else {
            return nil
        }
        switch issue.code {
        case "not-found", "deleted": self = .absent
        case "not-supported", "invalid", "code-invalid", "structure", "value", "required": self = .refusesForm
        case "timeout": self = .failing(timedOut: true, "OperationOutcome timeout")
        default: self = .failing(timedOut: false, "OperationOutcome \(issue.code)")
        }
    }
}
