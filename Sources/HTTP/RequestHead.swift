// What a request says before its body, free of any wire format.

/// The head of a request.
package struct RequestHead: Sendable, Equatable {
    package var method: HTTPMethod
    /// origin-form, as it came: "/dicom-web/studies/1.2?accept=…"; or "*" with OPTIONS. Visible ASCII without "#".
    package var target: String
    /// 10 or 11 (20 with HTTP/2 later).
    package var version: Int
    package var fields: HTTPFields

    package init(method: HTTPMethod, target: String, version: Int = 11, fields: HTTPFields = HTTPFields()) {
        self.method = method
        self.target = target
        self.version = version
        self.fields = fields
    }
}
