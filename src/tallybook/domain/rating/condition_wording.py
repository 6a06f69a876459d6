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
        "en": "{promised} committed for {parts} of {of_parts} days, {charged} charged; "
        "missing: {amount}",
        "sv": "{promised} utlovat för {parts} av {of_parts} dagar, {charged} debiterat; "
        "saknas: {amount}",
        "de": "{promised} zugesagt für {parts} von {of_parts} Tagen, {charged} berechnet; "
        "es fehlen: {amount}",
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
        "en": "{charged} charged, at least {minimum} for {parts} of {of_parts} days: {amount}",
        "sv": "{charged} debiterat, minst {minimum} för {parts} av {of_parts} dagar: {amount}",
        "de": "{charged} berechnet, mindestens {minimum} für {parts} von {of_parts} Tagen: "
        "{amount}",
    },
    "rounded": {
        "en": "Rounded: {amount}",
        "sv": "Avrundat: {amount}",
        "de": "Gerundet: {amount}",
    },
    "billed_before": {
        "en": "Less what earlier invoices said of it: {amount}",
        "sv": "Avgår vad tidigare fakturor sade om det: {amount}",
        "de": "Abzüglich früherer Rechnungen darüber: {amount}",
    },
    "coupon_percent": {
        "en": "{percent} % off {of}: {amount}",
        "sv": "{percent} % rabatt på {of}: {amount}",
        "de": "{percent} % Rabatt auf {of}: {amount}",
    },
    "coupon_amount": {
        "en": "Off {of}: {amount}",
        "sv": "Avdrag från {of}: {amount}",
        "de": "Nachlass auf {of}: {amount}",
    },
    "coupon_taken_back": {
        "en": "Its discount on {of} given back: {amount}",
        "sv": "Dess rabatt på {of} som återbetalas: {amount}",
        "de": "Sein Rabatt auf {of}, die erstattet werden: {amount}",
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
        "sv": "{quantity} {unit} förbrukade",
        "de": "{quantity} {unit} verbraucht",
    },
    "allowance_kept": {
        "en": "{quantity} {unit} kept; more periods that they are good for: {periods_left}",
        "sv": "{quantity} {unit} sparas; perioder som de gäller till: {periods_left}",
        "de": "{quantity} {unit} bleiben; weitere Zeiträume, in denen sie gelten: {periods_left}",
    },
    "allowance_lost": {
        "en": "{quantity} {unit} lost",
        "sv": "{quantity} {unit} förfaller",
        "de": "{quantity} {unit} verfallen",
    },
}
