#include "net/smuggling_shapes_test.h"

namespace barrio::net::test {

using namespace std::string_literals;

namespace {

std::string post(std::string_view fields, std::string_view body = "") {
  return "POST /x HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

std::string get(std::string_view fields) {
  return "GET /x HTTP/1.1\r\n" + std::string(fields) + "\r\n";
}

std::string coded(std::string_view value) {
  return post("Transfer-Encoding: " + std::string(value) + "\r\n", "0\r\n\r\n");
}

std::string sized(std::string_view value) {
  return post("Content-Length: " + std::string(value) + "\r\n", "hello");
}

std::string chunked(std::string_view body) {
  return post("Transfer-Encoding: chunked\r\n", body);
}

void append(std::vector<Refused>& to, std::vector<Refused> more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

std::vector<Refused> two_framings() {
  return {
      // RFC 9112 6.1: Content-Length beside Transfer-Encoding "ought to be handled as an error".
      {"CL.TE", post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nG"), 400},
      {"TE.CL", post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "5c\r\n"), 400},
      {"CL 0 and TE", post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"TE in other case and CL", post("tRANSFER-eNCODING: CHUNKED\r\ncONTENT-lENGTH: 5\r\n", "0\r\n\r\n"), 400},
      {"TE identity and CL", post("Transfer-Encoding: identity\r\nContent-Length: 5\r\n", "hello"), 400},
      {"empty TE and CL", post("Transfer-Encoding:\r\nContent-Length: 5\r\n", "hello"), 400},
      // RFC 1945 8: GET and HEAD have no body in HTTP/1.0, so that old readers skip its length.
      {"GET with a body in HTTP/1.0", "GET /x HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", 400},
      {"HEAD with a body in HTTP/1.0", "HEAD /x HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 400},
      // RFC 9112 6.3 rule 5: invalid Content-Length, or several with different values.
      {"two CL that differ", post("Content-Length: 5\r\nContent-Length: 0\r\n", "hello"), 400},
      // RFC 9110 8.6: several equal ones may be refused; which of them another reader takes does not matter then.
      {"two equal CL", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400},
      {"list of equal CL", sized("5, 5"), 400},
      {"list of different CL", sized("5,0"), 400},
      {"list with nothing in it", sized(","), 400},
  };
}

std::vector<Refused> bad_lengths() {
  // RFC 9110 8.6: Content-Length = 1*DIGIT.
  return {
      {"CL +5", sized("+5"), 400},
      {"CL -1", sized("-1"), 400},
      {"CL 0x5", sized("0x5"), 400},
      {"CL 5 5", sized("5 5"), 400},
      {"CL 5.0", sized("5.0"), 400},
      {"CL 5e0", sized("5e0"), 400},
      {"CL 5;", sized("5;"), 400},
      {"CL quoted", sized("\"5\""), 400},
      {"CL empty", sized(""), 400},
      {"CL of other digits", sized("\xd9\xa5"), 400},
      {"CL 2^64 + 5", sized("18446744073709551621"), 400},
      {"CL 2^63", sized("9223372036854775808"), 400},
      {"CL with NUL", sized("5\0"s), 400},
      {"CL with VT", sized("\v5"), 400},
      {"CL folded", sized("\r\n 5"), 400},
      // RFC 9110 15.5.14: longer than this server takes.
      {"CL over the limit", sized("99999999999"), 413},
  };
}

std::vector<Refused> bad_codings() {
  return {
      // RFC 9112 6.1 and 6.3 rule 4: a request's final coding must be chunked, and it must be the only one known here.
      {"TE xchunked", coded("xchunked"), 400},
      {"TE chunked, identity", coded("chunked, identity"), 400},
      {"TE identity, chunked", coded("identity, chunked"), 400},
      {"TE gzip, chunked", coded("gzip, chunked"), 400},
      {"TE chunked, chunked", coded("chunked, chunked"), 400},
      {"TE chunked with a comma", coded("chunked,"), 400},
      {"TE comma before chunked", coded(", chunked"), 400},
      {"TE chunked with a parameter", coded("chunked;q=1"), 400},
      {"TE quoted", coded("\"chunked\""), 400},
      {"TE in brackets", coded("[chunked]"), 400},
      {"TE chunk", coded("chunk"), 400},
      {"TE identity", coded("identity"), 400},
      {"TE empty", coded(""), 400},
      {"TE cow", coded("cow"), 400},
      {"TE with a long s", coded("chunke\xc5\xbf"), 400},
      {"TE twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"TE twice, second unknown", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n", "0\r\n\r\n"), 400},
      {"TE twice, first unknown", post("Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      // RFC 9110 5.5 and 5.6.3: only blanks and tabs surround a value.
      {"TE VT chunked", coded("\vchunked"), 400},
      {"TE FF chunked", coded("\fchunked"), 400},
      {"TE chunked VT", coded("chunked\v"), 400},
      {"TE NUL chunked", coded("\0chunked"s), 400},
      {"TE chunked NUL", coded("chunked\0"s), 400},
      {"TE no-break space chunked",
       coded("\xa0"
             "chunked"),
       400},
      {"TE CR chunked", coded("\rchunked"), 400},
      // RFC 9112 5.1: no blank between name and colon.
      {"TE blank colon", post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), 400},
      {"TE tab colon", post("Transfer-Encoding\t: chunked\r\n", "0\r\n\r\n"), 400},
      {"TE VT colon", post("Transfer-Encoding\v: chunked\r\n", "0\r\n\r\n"), 400},
      {"TE NUL colon", post("Transfer-Encoding\0: chunked\r\n"s, "0\r\n\r\n"), 400},
      {"CL blank colon", post("Content-Length : 5\r\n", "hello"), 400},
      {"TE without colon", post("Transfer-Encoding chunked\r\n", "0\r\n\r\n"), 400},
      // RFC 9112 5.2: obsolete folding in a request is refused.
      {"TE folded", post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), 400},
      {"TE folded with a tab", post("Transfer-Encoding:\r\n\tchunked\r\n", "0\r\n\r\n"), 400},
      {"TE after a fold", post("X: y\r\n Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"fold of nothing", post("X: y\r\n \r\n"), 400},
      // RFC 9112 2.2: a line that begins with whitespace before the first field is refused.
      {"first field begins with a blank", get(" Host: a\r\n"), 400},
      {"TE begins with a blank", "POST /x HTTP/1.1\r\n Transfer-Encoding: chunked\r\nHost: a\r\n\r\n0\r\n\r\n", 400},
      // RFC 9112 6.1: Transfer-Encoding in HTTP/1.0 means faulty framing.
      {"TE in HTTP/1.0", "POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
  };
}

std::vector<Refused> bad_lines() {
  return {
      // RFC 9112 2.2: a bare LF may end a line for others; here it does not. A bare CR never does.
      {"bare LF after the request line", "POST /x HTTP/1.1\nHost: a\r\n\r\n", 400},
      {"bare LF after a field", get("Host: a\n"), 400},
      {"bare LF ends the head", "GET /x HTTP/1.1\r\nHost: a\r\n\n", 400},
      {"only bare LF", "GET /x HTTP/1.1\nHost: a\n\n", 400},
      {"TE after a bare LF", post("X: y\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"TE value after a bare LF", post("Transfer-Encoding:\n chunked\r\n", "0\r\n\r\n"), 400},
      {"TE after a bare CR", post("X: y\rTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"bare CR ends the head", "GET /x HTTP/1.1\r\nHost: a\r\n\r\r\n", 400},
      {"CR CR LF", "GET /x HTTP/1.1\r\nHost: a\r\r\n\r\n", 400},
      {"bare CR in the request line", "GET /x\rHTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"LF CR", "GET /x HTTP/1.1\n\rHost: a\n\r\n\r\r\n", 400},
      // RFC 9112 2.2: a server "SHOULD ignore at least one empty line"; this one does not guess.
      {"empty line first", "\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"empty LF line first", "\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"blank first", " GET /x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      // RFC 9110 5.5: CR, LF and NUL in a value; RFC 9110 5.6.2: what a name may be.
      {"NUL in a value", get("Host: a\r\nX: a\0b\r\n"s), 400},
      {"control character in a value", get("Host: a\r\nX: a\x1f\r\n"), 400},
      {"DEL in a value", get("Host: a\r\nX: a\x7f\r\n"), 400},
      {"NUL in a name", get("Host: a\r\nX\0: a\r\n"s), 400},
      {"no name", get("Host: a\r\n: a\r\n"), 400},
      {"no colon", get("Host: a\r\nX\r\n"), 400},
      {"name in brackets", get("Host: a\r\n[X]: a\r\n"), 400},
      {"name beyond ASCII", get("Host: a\r\nX\xc3\xa1: a\r\n"), 400},
  };
}

std::vector<Refused> bad_request_lines() {
  const std::string long_text(20'000, 'A');
  return {
      // RFC 9112 3: single blanks, a version, nothing more.
      {"HTTP/0.9", "GET /x\r\n\r\n", 400},
      {"two blanks", "GET  /x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"tabs", "GET\t/x\tHTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"blank in the target", "GET /x y HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"blank at the end", "GET /x HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
      {"two versions", "GET /x HTTP/1.1 HTTP/1.0\r\nHost: a\r\n\r\n", 400},
      {"version in lower case", "GET /x http/1.1\r\nHost: a\r\n\r\n", 400},
      {"version HTTP/1.10", "GET /x HTTP/1.10\r\nHost: a\r\n\r\n", 400},
      {"version HTTP/01.1", "GET /x HTTP/01.1\r\nHost: a\r\n\r\n", 400},
      {"version HTTP/1,1", "GET /x HTTP/1,1\r\nHost: a\r\n\r\n", 400},
      // RFC 9110 15.6.6.
      {"version HTTP/2.0", "GET /x HTTP/2.0\r\nHost: a\r\n\r\n", 505},
      {"version HTTP/1.2", "GET /x HTTP/1.2\r\nHost: a\r\n\r\n", 505},
      {"version HTTP/0.9 said", "GET /x HTTP/0.9\r\nHost: a\r\n\r\n", 505},
      // RFC 9110 9.1: method = token.
      {"method in braces", "G{T} /x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"method with NUL", "GET\0 /x HTTP/1.1\r\nHost: a\r\n\r\n"s, 400},
      {"no method", "/x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"huge method", long_text + " /x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      // RFC 9112 3: a target longer than is read here.
      {"huge target", "GET /" + long_text + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
      // RFC 6585 5.
      {"huge field", get("Host: a\r\nX: " + long_text + "\r\n"), 431},
      // RFC 9112 3.2: only origin-form, and asterisk-form for OPTIONS. Absolute-form is for proxies and names a second
      // host; authority-form is for CONNECT.
      {"absolute-form", "GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"absolute-form of another host", "GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"authority-form", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 400},
      {"asterisk for GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"asterisk and a query", "OPTIONS *?x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"target without a slash", "GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"target only a query", "GET ?x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      // RFC 3986 3.5 and 2: no fragments in targets, and ASCII only.
      {"fragment", "GET /x#y HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"target beyond ASCII", "GET /\xc3\xa1 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"NUL in the target", "GET /x\0 HTTP/1.1\r\nHost: a\r\n\r\n"s, 400},
      {"DEL in the target", "GET /x\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"VT in the target", "GET /x\vy HTTP/1.1\r\nHost: a\r\n\r\n", 400},
  };
}

std::vector<Refused> bad_hosts() {
  // RFC 9112 3.2: none, several, or one that is not uri-host [":" port].
  return {
      {"no Host", get(""), 400},
      {"two Hosts", get("Host: a\r\nHost: b\r\n"), 400},
      {"two equal Hosts", get("Host: a\r\nhost: a\r\n"), 400},
      {"two Hosts in HTTP/1.0", "GET /x HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"Host with a blank", get("Host: a b\r\n"), 400},
      {"Host with a path", get("Host: a/b\r\n"), 400},
      {"Host with a user", get("Host: a@b\r\n"), 400},
      {"Host with a backslash", get("Host: a\\b\r\n"), 400},
      {"Host with a query", get("Host: a?b\r\n"), 400},
      {"Host with a scheme", get("Host: http://a\r\n"), 400},
      {"Host beyond ASCII", get("Host: \xc3\xa1\r\n"), 400},
      {"Host with a port that is none", get("Host: a:b\r\n"), 400},
      {"Host with two ports", get("Host: a:80:81\r\n"), 400},
      {"Host with a sign in its port", get("Host: a:+80\r\n"), 400},
      {"Host only a port", get("Host: :80\r\n"), 400},
      {"Host with an open bracket", get("Host: [::1\r\n"), 400},
      {"Host with a closed bracket", get("Host: ::1]\r\n"), 400},
      {"Host after its bracket", get("Host: [::1]a\r\n"), 400},
      {"Host with empty brackets", get("Host: []\r\n"), 400},
      {"Host with a bad escape", get("Host: a%zz\r\n"), 400},
      {"Host with a half escape", get("Host: a%4\r\n"), 400},
      {"Host blank colon", get("Host : a\r\n"), 400},
      {"Host folded", get("Host:\r\n a\r\n"), 400},
  };
}

std::vector<Refused> bad_chunks() {
  std::vector<Refused> shapes;
  // RFC 9112 7.1: chunk-size = 1*HEXDIG, then CRLF or an extension.
  const std::pair<const char*, std::string> bodies[] = {
      {"chunk size empty", "\r\nhello\r\n0\r\n\r\n"},
      {"chunk size g", "g\r\n"},
      {"chunk size +5", "+5\r\nhello\r\n0\r\n\r\n"},
      {"chunk size -1", "-1\r\nhello\r\n0\r\n\r\n"},
      {"chunk size 0x5", "0x5\r\nhello\r\n0\r\n\r\n"},
      {"chunk size 5h", "5h\r\nhello\r\n0\r\n\r\n"},
      {"chunk size in quotes", "\"5\"\r\nhello\r\n0\r\n\r\n"},
      {"blank before a chunk size", " 5\r\nhello\r\n0\r\n\r\n"},
      {"blank after a chunk size", "5 \r\nhello\r\n0\r\n\r\n"},
      {"tab after a chunk size", "5\t;x\r\nhello\r\n0\r\n\r\n"},
      {"comma after a chunk size", "5,\r\nhello\r\n0\r\n\r\n"},
      {"NUL after a chunk size", "5\0\r\nhello\r\n0\r\n\r\n"s},
      {"chunk size 2^64 + 5", "10000000000000005\r\nhello\r\n0\r\n\r\n"},
      {"chunk size 2^60", "1000000000000000\r\n"},
      {"chunk size of 20 zeros", "00000000000000000005\r\nhello\r\n0\r\n\r\n"},
      {"bare LF after a chunk size", "5\nhello\r\n0\r\n\r\n"},
      {"bare CR after a chunk size", "5\rhello\r\n0\r\n\r\n"},
      {"CR CR LF after a chunk size", "5\r\r\nhello\r\n0\r\n\r\n"},
      {"no CRLF after a chunk", "5\r\nhello0\r\n\r\n"},
      {"bare LF after a chunk", "5\r\nhello\n0\r\n\r\n"},
      {"bare CR after a chunk", "5\r\nhello\r0\r\n\r\n"},
      {"longer than its chunk", "5\r\nhello!\r\n0\r\n\r\n"},
      {"two CRLF after a chunk", "5\r\nhello\r\n\r\n0\r\n\r\n"},
      // RFC 9112 7.1.1: an extension ends with CRLF; "TERM.EXT" and "EXT.TERM" put a line end inside.
      {"bare LF in an extension", "5;a\nhello\r\n0\r\n\r\n"},
      {"bare LF and a chunk in an extension", "2;\nxx\r\n4c\r\n0\r\n\r\n"},
      {"bare CR in an extension", "5;a\rb\r\nhello\r\n0\r\n\r\n"},
      {"NUL in an extension", "5;\0\r\nhello\r\n0\r\n\r\n"s},
      {"endless extension", "5;" + std::string(8192, 'x') + "\r\nhello\r\n0\r\n\r\n"},
      // RFC 9112 7.1.2 and 5: trailer fields are fields.
      {"bare LF ends the trailers", "5\r\nhello\r\n0\r\n\n"},
      {"bare CR ends the trailers", "5\r\nhello\r\n0\r\n\r\r\n"},
      {"bare LF after a trailer", "5\r\nhello\r\n0\r\nT: u\n\r\n"},
      {"bare CR in a trailer", "5\r\nhello\r\n0\r\nT: u\rv\r\n\r\n"},
      {"NUL in a trailer", "5\r\nhello\r\n0\r\nT: \0\r\n\r\n"s},
      {"blank before a trailer's colon", "5\r\nhello\r\n0\r\nT : u\r\n\r\n"},
      {"folded trailer", "5\r\nhello\r\n0\r\nT: u\r\n v\r\n\r\n"},
      {"trailer without a colon", "5\r\nhello\r\n0\r\nT\r\n\r\n"},
      {"no end of the body", "5\r\nhello\r\n0\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"endless trailers", "0\r\nT: " + std::string(8192, 'x') + "\r\n\r\n"},
  };
  for (const auto& [name, body] : bodies) shapes.push_back({name, chunked(body), 400, true});
  return shapes;
}

std::vector<Refused> bad_expectations() {
  // RFC 9110 10.1.1: 417 for an expectation that is not known.
  return {
      {"Expect tea", get("Host: a\r\nExpect: tea\r\n"), 417},
      {"Expect y 100-continue", post("Expect: y 100-continue\r\nContent-Length: 5\r\n", "hello"), 417},
      {"Expect 100-continue twice in a list", post("Expect: 100-continue, tea\r\nContent-Length: 5\r\n"), 417},
      {"Expect 100-continue with a blank colon", post("Expect : 100-continue\r\nContent-Length: 5\r\n"), 400},
      {"Expect and two framings",
       post("Expect: 100-continue\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
  };
}

}  // namespace

std::vector<Refused> refused_shapes() {
  std::vector<Refused> all;
  append(all, two_framings());
  append(all, bad_lengths());
  append(all, bad_codings());
  append(all, bad_lines());
  append(all, bad_request_lines());
  append(all, bad_hosts());
  append(all, bad_chunks());
  append(all, bad_expectations());
  return all;
}

std::vector<Accepted> accepted_shapes() {
  const std::string inner(follower);
  return {
      // RFC 9112 6: a body is what its framing says, whatever the method and whatever it looks like.
      {"a request as a body", post("Content-Length: " + std::to_string(inner.size()) + "\r\n", inner),
       "POST /x [" + inner + "]"},
      {"a request as a chunk", chunked("23\r\n" + inner + "\r\n0\r\n\r\n"), "POST /x [" + inner + "]"},
      {"GET with a body", "GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "GET /x [hello]"},
      {"GET with chunks", "GET /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
       "GET /x [hello]"},
      {"HEAD with a body", "HEAD /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "HEAD /x [hello]"},
      {"POST without a length", post(""), "POST /x []"},
      {"three in a pipeline", post("Content-Length: 1\r\n", "1") + chunked("1\r\n2\r\n0\r\n\r\n") + get("Host: a\r\n"),
       "POST /x [1]POST /x [2]GET /x []"},
      // RFC 9110 8.6: leading zeros are digits.
      {"CL 005", sized("005"), "POST /x [hello]"},
      {"CL between blanks", sized(" \t5\t "), "POST /x [hello]"},
      // RFC 9112 7: coding names in any case.
      {"TE Chunked", post("Transfer-Encoding: cHuNkEd\r\n", "5\r\nhello\r\n0\r\n\r\n"), "POST /x [hello]"},
      {"TE between blanks", post("Transfer-Encoding:\t chunked \t\r\n", "0\r\n\r\n"), "POST /x []"},
      {"names that only look like framing",
       post("Content_Length: 5\r\nTransferEncoding: chunked\r\nX-Transfer-Encoding: chunked\r\n"), "POST /x []"},
      // RFC 9112 7.1: capital digits, leading zeros, extensions, trailers; a length in a trailer means nothing.
      {"chunks in every form",
       chunked("00A;n=\"v\";m\r\n0123456789\r\n1\r\nx\r\n0;last\r\nContent-Length: 99\r\nT:\r\n\r\n"),
       "POST /x [0123456789x]"},
      // RFC 9112 3.2.4 and 9110 7.2.
      {"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * []"},
      {"empty Host", get("Host:\r\n"), "GET /x []"},
      {"IPv6 Host", get("Host: [2001:db8::1]:8080\r\n"), "GET /x []"},
      {"Host with an escape and a port", get("Host: a%2Db.c:80\r\n"), "GET /x []"},
      {"Host with a colon and no port", get("Host: a:\r\n"), "GET /x []"},
      {"unknown method", "BREW /x HTTP/1.1\r\nHost: a\r\n\r\n", "BREW /x []"},
      {"dots and slashes", "GET //x/../y?z=/../%2e HTTP/1.1\r\nHost: a\r\n\r\n", "GET //x/../y?z=/../%2e []"},
      // RFC 9110 7.8: an upgrade to h2c is not taken; what follows is still HTTP/1.1.
      {"upgrade to h2c",
       get("Host: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
       "GET /x []"},
      // RFC 9110 10.1.1.
      {"Expect 100-continue", post("Expect: 100-Continue\r\nContent-Length: 5\r\n", "hello"), "POST /x [hello]"},
      // RFC 9112 9.3: the connection ends, and what follows is not read.
      {"Connection: close", post("Connection: close\r\nContent-Length: 5\r\n", "hello"), "POST /x [hello]", true},
      {"close among options", get("Host: a\r\nConnection: x,\tClose ,y\r\n"), "GET /x []", true},
      {"close and keep-alive", get("Host: a\r\nConnection: keep-alive\r\nConnection: close\r\n"), "GET /x []", true},
      {"close, then keep-alive", get("Host: a\r\nConnection: close\r\nConnection: keep-alive\r\n"), "GET /x []", true},
      {"HTTP/1.0", "GET /x HTTP/1.0\r\n\r\n", "GET /x []", true},
      {"HTTP/1.0 with a body", "POST /x HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", "POST /x [hello]", true},
      {"HTTP/1.0 kept alive", "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET /x []"},
  };
}

}  // namespace barrio::net::test
