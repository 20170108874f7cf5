// Command calls measures how many calls a second this machine carries: it starts the built
// hotline, registers telephones of operators, and has citizens call it at a steady rate. Each call
// is answered, chooses a language, hears the notice, is offered to an operator, talks, and is hung
// up by the operator; its sound flows and is recorded. The rate is raised until calls are late or
// lost. Then as many people as there are telephones talk at once, and packets are counted.
//
// The telephones are package phone, which shares nothing with the server; they run on the same
// machine and take their part of it. A step in which they were late themselves is told, and is no
// verdict on the server. Run it by `make bench`.
package main
