"use strict";
(function () {
  var words = JSON.parse(document.getElementById("words").textContent);
  var player = document.getElementById("player"), head = document.getElementById("head"), picture = document.getElementById("picture");
  var length = Number(picture.dataset.length) / 1000;

  function speak(language) {
    var w = words[language];
    if (!w) return;
    document.documentElement.lang = language;
    document.title = w.title;
    document.querySelectorAll("[data-t]").forEach(function (e) { e.textContent = w[e.dataset.t]; });
    document.querySelectorAll("[data-label]").forEach(function (e) { e.setAttribute("aria-label", w[e.dataset.label]); });
    document.querySelectorAll("[data-language]").forEach(function (b) { b.setAttribute("aria-pressed", String(b.dataset.language === language)); });
  }
  document.querySelectorAll("[data-language]").forEach(function (b) {
    b.addEventListener("click", function () { speak(b.dataset.language); });
  });
  if (location.hash.length === 3) speak(location.hash.slice(1)); // index.html#ru

  function show() {
    if (!(length > 0)) return;
    head.hidden = false;
    head.style.left = 100 * Math.min(1, player.currentTime / length) + "%";
  }
  player.addEventListener("timeupdate", show);
  player.addEventListener("seeked", show);

  document.querySelectorAll("[data-at]").forEach(function (b) {
    b.addEventListener("click", function () {
      player.currentTime = Number(b.dataset.at);
      var begun = player.play();
      if (begun) begun.catch(function () {}); // a browser that plays nothing shows it in the player
    });
  });
  // Pointing at the picture goes there; the player and the buttons of the table do the same by keyboard.
  picture.addEventListener("click", function (e) {
    var box = picture.getBoundingClientRect();
    if (length > 0) player.currentTime = length * Math.min(1, Math.max(0, (e.clientX - box.left) / box.width));
  });
})();
