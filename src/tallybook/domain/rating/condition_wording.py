"""How the conditions of a bill are told: commitments, limits, shared allowances, coupons."""

from __future__ import annotations

from tallybook.domain.catalog.working import Sentences

SENTENCES: Sentences = {
    "beyond_commitment": {
        "en": "{charged} charged, {base} beyond the commitment of {promised}, which costs "
        "{factor} times its price: {amount}",
        "sv": "{charged} debiterat, {base} utöver åtagandet på {promised}, vilket kostar "
        "{factor} gånger sitt pris: {amount}",
        "de": "{charged} berechnet, {base} über die Zusage von {promised} hinaus, zum "
        "{factor}-Fachen des Preises: {amount}",
    },
    "true_up": {
        "en": "{promised} committed, {charged} charged; missing: {amount}",
        "sv": "{promised} utlovat, {charged} debiterat; saknas: {amount}",
        "de": "{promised} zugesagt, {charged} berechnet; es fehlen: {amount}",
    },
    "true_up_part": {
        "en": (
            "{promised} committed for {parts} of {of_parts} {of_parts:day|days}, {charged} "
            "charged; missing: {amount}"
        ),
        "sv": (
            "{promised} utlovat för {parts} av {of_parts} {of_parts:dag|dagar}, {charged} "
            "debiterat; saknas: {amount}"
        ),
        "de": (
            "{promised} zugesagt für {parts} von {of_parts} {of_parts:Tag|Tagen}, {charged} "
            "berechnet; es fehlen: {amount}"
        ),
    },
    "spend_maximum": {
        "en": "{charged} charged, never more than {maximum}: {amount}",
        "sv": "{charged} debiterat, aldrig mer än {maximum}: {amount}",
        "de": "{charged} berechnet, nie mehr als {maximum}: {amount}",
    },
    "spend_minimum": {
        "en": "{charged} charged, at least {minimum}: {amount}",
        "sv": "{charged} debiterat, minst {minimum}: {amount}",
        "de": "{charged} berechnet, mindestens {minimum}: {amount}",
    },
    "spend_minimum_part": {
        "en": (
            "{charged} charged, at least {minimum} for {parts} of {of_parts} {of_parts:day|days}: "
            "{amount}"
        ),
        "sv": (
            "{charged} debiterat, minst {minimum} för {parts} av {of_parts} {of_parts:dag|dagar}: "
            "{amount}"
        ),
        "de": (
            "{charged} berechnet, mindestens {minimum} für {parts} von {of_parts} "
            "{of_parts:Tag|Tagen}: {amount}"
        ),
    },
    "rounded": {
        "en": "Rounded: {amount}",
        "sv": "Avrundat: {amount}",
        "de": "Gerundet: {amount}",
    },
    "billed_before": {
        "en": "Less what earlier invoices charged for it: {amount}",
        "sv": "Avgår vad tidigare fakturor debiterat för det: {amount}",
        "de": "Abzüglich dessen, was frühere Rechnungen dafür berechnet haben: {amount}",
    },
    "coupon_percent": {
        "en": "{percent}% off {of}: {amount}",
        "sv": "{percent}\u00a0% rabatt på {of}: {amount}",
        "de": "{percent}\u00a0% Rabatt auf {of}: {amount}",
    },
    "coupon_amount": {
        "en": "Taken off {of}: {amount}",
        "sv": "Avdrag från {of}: {amount}",
        "de": "Nachlass auf {of}: {amount}",
    },
    "coupon_taken_back": {
        "en": "Its discount is taken back, as {of} is given back: {amount}",
        "sv": "Rabatten återtas, då {of} återbetalas: {amount}",
        "de": "Rabatt zurückgenommen, da {of} erstattet werden: {amount}",
    },
    "allowance_granted": {
        "en": "{quantity} {unit} included in the period",
        "sv": "{quantity} {unit} ingår i perioden",
        "de": "{quantity} {unit} im Zeitraum enthalten",
    },
    "allowance_carried": {
        "en": "{quantity} {unit} left from before",
        "sv": "{quantity} {unit} kvar från tidigare",
        "de": "{quantity} {unit} von früher übrig",
    },
    "allowance_used": {
        "en": "{quantity} {unit} used",
        "sv": "{quantity} {unit} har använts",
        "de": "{quantity} {unit} verbraucht",
    },
    "allowance_kept": {
        "en": "{quantity} {unit} kept, good for {periods_left} more {periods_left:period|periods}",
        "sv": (
            "{quantity} {unit} sparas och gäller i {periods_left} {periods_left:period|perioder} "
            "till"
        ),
        "de": (
            "{quantity} {unit} {quantity:bleibt|bleiben} erhalten, noch {periods_left} "
            "{periods_left:Zeitraum|Zeiträume} lang"
        ),
    },
    "allowance_lost": {
        "en": "{quantity} {unit} lost",
        "sv": "{quantity} {unit} förfaller",
        "de": "{quantity} {unit} {quantity:verfällt|verfallen}",
    },
}
