//go:build acceptance

package acceptance

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
)

// scenario reads a scenario of sipp. What all calls have in common is written once: scenarios are
// templates, and the functions below stand for messages.
func scenario(t testing.TB, name string) string {
	t.Helper()
	parsed, err := template.New(name + ".xml").Funcs(messages).ParseFiles(filepath.Join("sipp", name+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := parsed.Execute(&b, nil); err != nil {
		t.Fatal(err)
	}
	body := b.String()
	if strings.Contains(body, `assign_to="x"`) { // sipp wants each variable to be used
		body = strings.Replace(body, "</scenario>", "  <Reference variables=\"x\"/>\n</scenario>", 1)
	}
	return body
}

var messages = template.FuncMap{
	"call": begin, "ask": asking, "ack": ack, "wants": wants, "answer": answer, "asked": asked, "hangup": hangup, "sdp": sdp,
	"invited": invited, "reply": reply, "calling": calling, "dials": dials, "pracks": pracks,
}

// callerHead is what the requests of a caller's dialog have in common. The key caller is its number.
func callerHead(to string, number int, method string) string {
	return fmt.Sprintf(`Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:[caller]@[local_ip]>;tag=[pid]-[call_number]
%s
Call-ID: [call_id]
CSeq: %d %s
`, to, number, method)
}

// send is a message with its headers and, if it has one, its description. Requests that are not
// acknowledged by themselves are repeated.
func send(repeated bool, head string, headers []string, body string) string {
	b := "  <send>"
	if repeated {
		b = `  <send retrans="500">`
	}
	b += "<![CDATA[\n" + head
	contact := true
	for _, h := range headers {
		b += h + "\n"
		contact = contact && !strings.HasPrefix(h, "Contact:")
	}
	if contact {
		b += "Contact: <sip:tester@[local_ip]:[local_port]>\n"
	}
	if body == "" {
		return b + "Content-Length: 0\n\n]]></send>\n"
	}
	return b + "Content-Type: application/sdp\nContent-Length: [len]\n\n" + body + "]]></send>\n"
}

// sdp is a description: its version, the port and the formats in it, and its direction.
func sdp(version int, port, formats, direction string) string {
	return fmt.Sprintf(`v=0
o=tester 1 %d IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio %s RTP/AVP %s 101
a=rtpmap:101 telephone-event/8000
a=%s
`, version, port, formats, direction)
}

// begin is a call to a line until its ACK. The key line is its number, 919 where nothing is said.
func begin(body string, headers ...string) string {
	invite := "INVITE sip:[line]@[remote_ip]:[remote_port] SIP/2.0\n" + callerHead("To: <sip:[line]@[remote_ip]>", 1, "INVITE")
	b := send(true, invite, headers, body) + `  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
` + wants("200", "m=audio [1-9]")
	if body == "" {
		return b // the ACK brings the answer: the scenario writes it
	}
	return b + ack(1, "")
}

// ack acknowledges a 2xx.
func ack(number int, body string) string {
	return send(false, "ACK sip:hotline@[remote_ip]:[remote_port] SIP/2.0\n"+callerHead("To: <sip:[line]@[remote_ip]>[peer_tag_param]", number, "ACK"), nil, body)
}

// asking is a request of the caller in its call.
func asking(method string, number int, body string, headers ...string) string {
	return send(true, method+" sip:hotline@[remote_ip]:[remote_port] SIP/2.0\n"+callerHead("To: <sip:[line]@[remote_ip]>[peer_tag_param]", number, method), headers, body)
}

// wants takes an answer that matches every pattern; 100 may come before.
func wants(code string, patterns ...string) string {
	return "  <recv response=\"100\" optional=\"true\"/>\n  <recv response=\"" + code + "\">" + checks(patterns) + "</recv>\n"
}

// asked takes a request of the server that matches every pattern, within so many seconds.
func asked(method string, seconds int, patterns ...string) string {
	return fmt.Sprintf("  <recv request=%q timeout=\"%d\">", method, seconds*1000) + checks(patterns) + "</recv>\n"
}

func checks(patterns []string) string {
	if len(patterns) == 0 {
		return ""
	}
	return "\n    <action>\n" + matches(patterns) + "    </action>\n  "
}

// matches are the actions that hold a message against patterns; sipp knows one list of actions a message.
func matches(patterns []string) (b string) {
	for _, p := range patterns {
		p = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(p)
		b += `      <ereg regexp="` + p + `" search_in="msg" check_it="true" assign_to="x"/>` + "\n"
	}
	return b
}

// answer answers the request that came last.
func answer(status, body string, headers ...string) string {
	return send(false, "SIP/2.0 "+status+"\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\n", headers, body)
}

// hangup ends the call.
func hangup(number int) string { return asking("BYE", number, "") + wants("200") }

// invited takes the INVITE of a call to sipp, which its answers and requests below refer to, and
// which must match every pattern.
func invited(patterns ...string) string {
	b := "  <recv request=\"INVITE\" timeout=\"60000\">\n    <action>\n"
	for _, h := range []string{"Via", "From", "To", "CSeq"} {
		b += fmt.Sprintf("      <ereg regexp=\".*\" search_in=\"hdr\" header=\"%s:\" assign_to=\"%s\"/>\n", h, strings.ToLower(h))
	}
	return b + matches(patterns) + "    </action>\n  </recv>\n"
}

// reply answers that INVITE.
func reply(status, body string, headers ...string) string {
	return send(false, "SIP/2.0 "+status+"\nVia:[$via]\nFrom:[$from]\nTo:[$to];tag=[pid]\nCall-ID: [call_id]\nCSeq:[$cseq]\n", headers, body)
}

// calling is a request of sipp in the call that it was called to.
func calling(method string, number int, body string) string {
	return send(true, fmt.Sprintf(`%[1]s sip:hotline@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From:[$to];tag=[pid]
To:[$from]
Call-ID: [call_id]
CSeq: %[2]d %[1]s
`, method, number), nil, body)
}

// dials is a call of an operator's telephone, with its password, up to the 100. It requires
// reliable answers.
func dials(to, body string) string {
	head := "INVITE sip:" + to + "@[remote_ip]:[remote_port] SIP/2.0\n" + callerHead("To: <sip:"+to+"@[remote_ip]>", 1, "INVITE")
	return send(true, head, nil, body) + `  <recv response="100" optional="true"/>
  <recv response="401" auth="true"/>
  <send><![CDATA[
ACK sip:` + to + `@[remote_ip]:[remote_port] SIP/2.0
[last_Via:]
Max-Forwards: 70
[last_From:]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Content-Length: 0

]]></send>
` + send(true, strings.Replace(head, "CSeq: 1 ", "CSeq: 2 ", 1), []string{"[authentication]", "Require: 100rel"}, body) +
		"  <recv response=\"100\" optional=\"true\"/>\n"
}

// pracks takes a reliable answer to dials and acknowledges it.
func pracks(code string, number int, pattern string) string {
	return fmt.Sprintf(`  <recv response="%s" timeout="60000">
    <action>
      <ereg regexp="[0-9]+" search_in="hdr" header="RSeq:" check_it="true" assign_to="rseq"/>
      <ereg regexp="%s" search_in="msg" check_it="true" assign_to="x"/>
    </action>
  </recv>
`, code, pattern) + asking("PRACK", number, "", "RAck: [$rseq] 2 INVITE") + wants("200")
}
