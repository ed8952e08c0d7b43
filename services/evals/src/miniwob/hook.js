// Served behind the pages' own core.js: begins an episode with a seed, without the START cover and its clock, and tells what comes of it.
(() => {
  const asked = new URLSearchParams(location.search);
  const episode = asked.get('episode');
  if (!episode) return;
  const tell = (path, told) => {
    const call = new XMLHttpRequest();
    call.open('POST', `/harness/${path}`, false); // told before anything else happens
    call.setRequestHeader('content-type', 'application/json');
    call.send(JSON.stringify({ episode, ...told }));
  };
  const { startEpisode, startEpisodeReal, endEpisode } = core;
  let begun = false;
  core.startEpisodeReal = function () {
    core.EPISODE_MAX_TIME = 3600000; // ten seconds are for agents that need no look
    Math.seedrandom(asked.get('seed'));
    startEpisodeReal();
    tell('begun', { instruction: core.getUtterance() });
  };
  core.startEpisode = function () {
    startEpisode();
    core.hideDisplay(); // it shows rewards
    if (begun) return;
    begun = true;
    core.startEpisodeReal();
  };
  core.endEpisode = function (reward, proportional, reason) {
    const counts = core.EP_TIMER !== null;
    endEpisode(reward, proportional, reason);
    if (counts) tell('ended', { reward, reason: String(reason ?? '') });
  };
})();
