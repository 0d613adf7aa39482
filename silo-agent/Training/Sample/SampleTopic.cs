// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Sample;

/// <summary>A field of work and the cases that it knows.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Cases">Its cases.</param>
public sealed record SampleTopic(string Name, IReadOnlyList<SampleCase> Cases)
{
    /// <summary>Heart and circulation.</summary>
    public static SampleTopic Cardiology { get; } = new("cardiology",
    [
        new("chest pain", "record an ECG", "give aspirin", "after six hours"),
        new("a fast heartbeat", "fit a Holter monitor", "begin bisoprolol", "in two weeks"),
        new("swollen ankles", "measure the BNP", "add a diuretic", "in ten days"),
        new("high blood pressure", "repeat the cuff reading", "begin ramipril", "in one month"),
        new("short breath at night", "book an echocardiogram", "raise the diuretic", "in three days"),
        new("an irregular pulse", "record a long ECG", "start a blood thinner", "in one week"),
        new("a faint after standing up", "use the tilt table", "raise the salt intake", "in three weeks"),
        new("a heart murmur", "listen in two positions", "refer for valve imaging", "in six months"),
        new("high cholesterol", "draw fasting lipids", "begin a statin", "in three months"),
        new("cold legs when walking", "measure the ankle index", "plan walking training", "in eight weeks"),
        new("a skipped beat", "check the potassium", "cut down on coffee", "in four weeks"),
        new("a pacemaker alarm", "read out the device", "replace the battery", "tomorrow morning"),
    ]);

    /// <summary>Allergies and airways.</summary>
    public static SampleTopic Allergy { get; } = new("allergy",
    [
        new("an itchy rash", "look for a new soap", "apply a mild steroid", "in five days"),
        new("a runny nose in spring", "do a prick test", "use nasal spray", "when the birch has bloomed"),
        new("wheezing after sport", "measure the peak flow", "give salbutamol", "in two weeks"),
        new("red eyes", "ask about pets", "use cooling drops", "in four days"),
        new("hives after lunch", "keep a food diary", "give cetirizine", "after three days"),
        new("a dry cough", "test the lung function", "begin a steroid inhaler", "in one month"),
        new("a swollen lip", "check the airway", "give adrenaline", "within four hours"),
        new("a wasp sting", "remove the sting", "cool the skin", "the next day"),
        new("eczema on the hands", "order a patch test", "use a barrier cream", "in six weeks"),
        new("a reaction to penicillin", "stop the tablets", "note it in the passport", "in one week"),
        new("dust in the bedroom", "count the mites", "change the mattress cover", "in three months"),
        new("an itch from nuts", "draw specific IgE", "carry an emergency pen", "every year"),
    ]);

    /// <summary>Payment cards.</summary>
    public static SampleTopic Cards { get; } = new("cards",
    [
        new("a swallowed card", "note the machine's number", "order a new card", "in three days"),
        new("a declined payment", "compare the daily limit", "raise it for one hour", "at the next purchase"),
        new("a lost card", "freeze it in the app", "order a replacement", "in five days"),
        new("an unknown charge", "list the last five purchases", "open a dispute", "within ten days"),
        new("a blocked PIN", "confirm the birth date", "send an unblocking letter", "in four days"),
        new("a card that never came", "confirm the delivery address", "cancel the old number", "in one week"),
        new("a double booking", "compare both receipts", "return one amount", "on the next statement"),
        new("a broken chip", "try the magnetic stripe", "print a new chip", "in six days"),
        new("a payment abroad", "add the country", "show the exchange fee", "after the journey"),
        new("an expired card", "look at the month", "activate the new one", "every four years"),
        new("a virtual card", "open the wallet", "add the token", "after one minute"),
        new("a contactless failure", "insert the card once", "reset the counter", "at the terminal"),
    ]);

    /// <summary>Transfers between accounts.</summary>
    public static SampleTopic Transfers { get; } = new("transfers",
    [
        new("a pending transfer", "check the cut-off time", "wait for settlement", "on the next business day"),
        new("a wrong exchange rate", "look up the fixing", "book the difference", "within two days"),
        new("a failed top-up", "verify the source of funds", "return the balance", "after one hour"),
        new("a rejected direct debit", "check the mandate", "submit it again", "in five days"),
        new("a transfer to the wrong account", "write down the trace number", "recall the money", "in ten days"),
        new("a missing salary", "ask for the payer's IBAN", "search the clearing file", "by noon"),
        new("a standing order", "compare both dates", "move the first run", "next month"),
        new("a large cash deposit", "ask for the invoice", "file the origin form", "before closing"),
        new("a frozen account", "read the court letter", "release the basic amount", "in three weeks"),
        new("a foreign cheque", "check both signatures", "send it for collection", "in eight weeks"),
        new("an instant payment", "test the other bank", "send it as normal", "after ten seconds"),
        new("a currency account", "choose the currency", "fund it once", "at the end of the year"),
    ]);

    /// <summary>What every front desk does, of a clinic as of a bank.</summary>
    public static SampleTopic FrontDesk { get; } = new("front desk",
    [
        new("a change of address", "look at the identity card", "update the register", "in two days"),
        new("a lost letter", "search the outgoing post", "send it again", "in four days"),
        new("a complaint", "write down every point", "call the quality officer", "within one week"),
        new("a request for a copy", "check the signature", "print the file", "the same day"),
        new("a missed appointment", "phone once", "offer the first free slot", "on Monday"),
        new("an unpaid invoice", "compare the reference", "send a reminder", "in fourteen days"),
        new("a forgotten password", "ask two questions", "send a code by post", "in three days"),
        new("a power of attorney", "read the notary's stamp", "enter the second person", "in one week"),
        new("a question about privacy", "hand out the data sheet", "forward it to the officer", "within one month"),
        new("a long queue", "open the second window", "hand out numbers", "every half hour"),
        new("a visitor without papers", "offer a seat", "call a relative", "after ten minutes"),
        new("a translation", "ask for the language", "book an interpreter", "in five days"),
    ]);
}

/// <summary>A case and what is done about it.</summary>
/// <param name="Name">What a question names.</param>
/// <param name="First">The first step.</param>
/// <param name="Then">The second step.</param>
/// <param name="When">When it is looked at again.</param>
public sealed record SampleCase(string Name, string First, string Then, string When);
